// allow.everyone.if.no.acl.found: the first rule on a topic ends the leniency for it, for the agent as well.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { runAlone } from '../../src/agent/index.ts';
import { linkCluster } from '../../src/agent/link-clusters.ts';
import { isReadingDenied } from '../../src/agent/reading-denial.ts';
import { type Acl, createAcls, createTopics, deleteRecords, unwrap } from '../../src/client/index.ts';
import type { PartitionStatus } from '../../src/mirror/index.ts';
import { loadTopology } from '../../src/topology/index.ts';
import { useClusters } from '../client/support.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const user = { username: 'agent', password: 'agent-secret' };
const folder = useTemporaryFolder();
const regions = useRegions({
  source: {},
  destination: { security: { sasl: { users: [user] }, authorizer: { allowEveryoneIfNoAcl: true } } },
});
const clusters = useClusters(regions);

async function startingAt(offset: bigint): Promise<string> {
  const topic = uniqueTopic('lenient');
  unwrap((await createTopics(clusters.source, [{ name: topic, partitionCount: 1 }])).get(topic)!);
  const messages = Array.from({ length: 20 }, (_, i) => ({ partition: 0, key: Buffer.from(`${i}`) }));
  await platformaticProduce({ bootstrap: regions.source.bootstrap, topic, messages });
  unwrap((await deleteRecords(clusters.source, [{ topic, partition: 0, beforeOffset: offset }]))[0]!.outcome);
  return topic;
}

/** Copies the topic as the user `agent` until the mirror ends as the source does; what the agent said. */
async function mirror(topic: string): Promise<string[]> {
  const file = path.join(folder.path, `${topic}.yaml`);
  await writeFile(
    file,
    `version: 1
clusters:
  source: { bootstrap: ${JSON.stringify(regions.source.bootstrap)} }
  destination:
    bootstrap: ${JSON.stringify(regions.destination.bootstrapOf('SASL_PLAINTEXT'))}
    sasl: { mechanism: PLAIN, username: ${user.username}, password: ${user.password} }
links:
  us-to-eu: { source: source, destination: destination, topics: [${topic}] }
`,
  );
  const stopping = new AbortController();
  const texts: string[] = [];
  let partitions: readonly PartitionStatus[] = [];
  const done = runAlone({
    topology: await loadTopology(file),
    signal: stopping.signal,
    statusEveryMs: 50,
    onStatus: ({ links }) => {
      partitions = links[0]?.partitions ?? [];
    },
    onNotice: (_link, { text }) => texts.push(text),
  });
  try {
    await waitFor(() => partitions[0]?.mirrorEnd === 20n, {
      deadlineMs: 40_000,
      describe: () =>
        `the mirror; ${partitions[0]?.state} (${partitions[0]?.reason ?? partitions[0]?.lastError})`,
    });
  } finally {
    stopping.abort();
    await done;
  }
  return texts;
}

test('a rule that would lock the agent out is given up, and the mirror is filled all the same', async () => {
  const topic = await startingAt(10n);
  expect(await mirror(topic)).toContainEqual(
    expect.stringMatching(/^Unprotected: .* allow.everyone.if.no.acl.found is on in destination/),
  );
  expect(await isReadingDenied(clusters.destination, topic)).toBe(false);
  expect((await linkCluster(clusters.destination).logRanges(topic, 1)).get(0)).toEqual({
    start: 10n,
    end: 20n,
  });
});

test('with rules for the agent READ is denied to the others meanwhile', async () => {
  const topic = await startingAt(10n);
  const rule: Acl = {
    resourceType: 'TOPIC',
    resourceName: topic,
    patternType: 'LITERAL',
    principal: 'User:agent',
    host: '*',
    operation: 'ALL',
    permission: 'ALLOW',
  };
  for (const outcome of await createAcls(clusters.destination, [rule])) unwrap(outcome);
  const texts = await mirror(topic);
  expect(texts.filter((text) => text.startsWith('Unprotected'))).toEqual([]);
  expect(texts).toContainEqual(expect.stringContaining('READ is denied to everybody'));
});
