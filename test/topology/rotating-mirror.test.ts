// A mirror under load while its credentials rotate: the source ends sessions after two seconds, its password changes
// again and again, and so does the certificate for the destination. No partition stops, and the copy is identical.
import { copyFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type AgentStatus, runAlone } from '../../src/agent/index.ts';
import { Cluster, setScramPassword, unwrap } from '../../src/client/index.ts';
import type { Notice } from '../../src/link/index.ts';
import { encodeBatch } from '../../src/records/index.ts';
import { loadTopology } from '../../src/topology/index.ts';
import { verifyLink } from '../../src/verify/index.ts';
import { configOf, eventually } from '../client/support.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { append, makeTopic } from '../verify/kafka-copy.ts';
import { makeClientCertificate } from './certificates.ts';

const partitionCount = 4;
const roundCount = 6;
const regions = useRegions({
  source: {
    security: { tls: true, sasl: { users: [{ username: 'agent', password: 'p0' }] } },
    brokerConfig: { 'listener.name.sasl_ssl.connections.max.reauth.ms': '2000' },
  },
  destination: { security: { tls: { clientAuth: 'required' } } },
});
const folder = useTemporaryFolder();
const at = (name: string): string => path.join(folder.path, name);

test('a mirror goes on while passwords and certificates rotate under load', async () => {
  const { source, destination } = regions;
  const [from, to] = await Promise.all([
    Cluster.connect(configOf(source)),
    Cluster.connect(configOf(destination)),
  ]);
  const topic = uniqueTopic('rotating');
  await makeTopic(from, topic, partitionCount);
  useCertificate('agent-0');
  writeFileSync(at('password'), 'p0');
  writeFileSync(
    at('lockstep.yaml'),
    `version: 1
clusters:
  source:
    bootstrap: ${JSON.stringify(source.bootstrapOf('SASL_SSL'))}
    tls: { ca: ${source.tls!.caFile} }
    sasl: { mechanism: SCRAM-SHA-256, username: agent, password: "\${file:password}" }
  destination:
    bootstrap: ${JSON.stringify(destination.bootstrapOf('SSL'))}
    tls: { ca: ${destination.tls!.caFile}, cert: agent.pem, key: agent.key }
links:
  us-to-eu: { source: source, destination: destination, topics: [${topic}] }
`,
  );
  const stopping = new AbortController();
  const notices: Notice[] = [];
  const states = new Set<string>();
  let status: AgentStatus | null = null;
  const agent = runAlone({
    topology: await loadTopology(at('lockstep.yaml')),
    signal: stopping.signal,
    statusEveryMs: 20,
    onStatus: (newest) => {
      status = newest;
      for (const partition of partitionsOf(newest)) states.add(partition.state);
    },
    onNotice: (_link, notice) => notices.push(notice),
  });
  let isLoadOver = false;
  const load = (async () => {
    for (let offset = 0n; !isLoadOver; offset += 1n) {
      const value = Buffer.from(`record ${offset}`);
      const batch = encodeBatch([{ offset, timestamp: BigInt(Date.now()), key: null, value, headers: [] }], {
        compression: 'none',
      });
      for (let partition = 0; partition < partitionCount; partition += 1)
        await append(from, topic, [batch], { partition });
      await pause(5);
    }
  })();
  try {
    await eventually(
      'four partitions that are mirrored',
      () => partitionsOf(status).filter(isMirroring).length === 4,
    );
    states.clear();
    for (let round = 1; round <= roundCount; round += 1) {
      writeFileSync(at('password'), `p${round}`);
      useCertificate(`agent-${round}`);
      await pause(1_000); // the time between a file and the broker, in which sessions end
      unwrap(
        await setScramPassword(from, { name: 'agent', mechanism: 'SCRAM-SHA-256', password: `p${round}` }),
      );
      const before = partitionsOf(status).map(({ mirrorEnd }) => mirrorEnd ?? 0n);
      await eventually('more records in every partition', () =>
        partitionsOf(status).every(({ mirrorEnd }, index) => (mirrorEnd ?? 0n) > before[index]! + 5n),
      );
      await pause(1_000);
    }
    expect([...states].filter((state) => !passing.has(state))).toEqual([]);
    isLoadOver = true;
    await load;
    const verdict = await verifyLink({
      source: from,
      destination: to,
      topics: [{ source: topic, destination: topic }],
      waitMsMax: 60_000,
    });
    expect(verdict.partitions.map(({ outcome }) => outcome)).toEqual(Array(partitionCount).fill('identical'));
    expect(partitionsOf(status).filter(isMirroring)).toHaveLength(partitionCount);
    expect(JSON.stringify(notices)).not.toMatch(/\bp\d\b/);
  } finally {
    isLoadOver = true;
    stopping.abort();
    await Promise.allSettled([agent, load]);
    from.close();
    to.close();
  }
  await agent;
});

type Partition = AgentStatus['links'][number]['partitions'][number];
const partitionsOf = (status: AgentStatus | null): readonly Partition[] => status?.links[0]?.partitions ?? [];
const isMirroring = ({ state }: Partition): boolean => state === 'Mirroring';
/**
 * What a partition may pass through: where the broker learns of a password in the moment between our trying it and a
 * login with the former one, that login fails, and what depends on the connection begins again.
 */
const passing: ReadonlySet<string> = new Set([
  'Mirroring',
  'Recovering',
  'ReadingDestination',
  'Settling',
  'ComparingTail',
]);

/** Certificate first, key a moment later, as tools do that know nothing of each other. */
function useCertificate(name: string): void {
  makeClientCertificate(folder.path, name, regions.destination.tls!.caFile);
  copyFileSync(at(`${name}.pem`), at('agent.pem'));
  copyFileSync(at(`${name}.key`), at('agent.key'));
}
