// A source that is far away, read over four connections with two fetches on each, which break again and again: partitions
// change readers, answers break off in the middle, and the mirror ends identical.
import { writeFile } from 'node:fs/promises';
import { ProduceAcks, Producer } from '@platformatic/kafka';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { examine } from '../../src/cli/doctor/index.ts';
import { Cluster } from '../../src/client/index.ts';
import { createRegion, findFreePort, type Region } from '../../src/regions/index.ts';
import { loadTopology } from '../../src/topology/index.ts';
import { verifyLink } from '../../src/verify/index.ts';
import { createTopic } from '../support/kafka-tools.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { startWanProxy, type WanProxy } from '../support/wan-proxy.ts';
import { startAgent } from './running-agent.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'eu-west': {} });
const partitions = 8;
const valueBytes = 20_000;

let proxy: WanProxy;
let source: Region;

beforeAll(async () => {
  const port = await findFreePort();
  // Slow enough that a backlog lasts for all that is done to it.
  proxy = await startWanProxy(
    { host: '127.0.0.1', port },
    { delayMs: 10, windowBytes: 16_384, stallShare: 0.01, stallMs: 50 },
  );
  source = await createRegion({
    ...{ name: 'us-east', directory: `${folder.path}/us-east`, heapMb: 320 },
    proxied: [{ port, advertisedPort: proxy.port }],
  });
  await source.start();
});
afterAll(async () => {
  await source?.destroy();
  await proxy?.close();
});

it('stays identical over four connections that are cut while partitions have a backlog', async () => {
  const destination = regions['eu-west'];
  const topic = uniqueTopic('far');
  await createTopic(source, topic, { partitions });
  const producer = new Producer({ clientId: 'load', bootstrapBrokers: [...source.bootstrap] });
  let written = 0;
  const write = async (rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      const messages = Array.from({ length: 10 * partitions }, (_, index) => ({
        ...{ topic, partition: index % partitions, key: Buffer.from(`key ${index}`) },
        value: Buffer.alloc(valueBytes, `${written + index} `),
      }));
      await producer.send({ messages, acks: ProduceAcks.ALL });
      written += messages.length;
    }
  };
  await write(24);
  const far = { name: 'far', bootstrap: [`${proxy.host}:${proxy.port}`] };
  await using agent = await startAgent({
    ...{ folder: folder.path, source: far, destination, topics: [topic] },
    extra: '    fetchConnections: 4\n    fetchBytesMax: 65536\n',
  });
  const mirrored = (): number =>
    agent.status()?.links[0]?.partitions.reduce((sum, { recordsMirrored }) => sum + recordsMirrored, 0) ?? 0;
  for (let round = 0; round < 4; round++) {
    const [before, bytesBefore] = [mirrored(), proxy.bytesDownByConnection()];
    const carriers = (): number =>
      proxy
        .bytesDownByConnection()
        .filter((bytes, index) => bytes - (bytesBefore[index] ?? 0) > 4 * valueBytes).length;
    await waitFor(() => carriers() >= 4 && mirrored() > before, {
      deadlineMs: 60_000,
      describe: () => `four connections to carry data; ${carriers()} do`,
    });
    expect(proxy.cutAll()).toBeGreaterThanOrEqual(4);
    await write(2);
  }
  expect(mirrored()).toBeLessThan(written);
  const connect = (name: string, bootstrap: readonly string[]): Promise<Cluster> => {
    const addresses = bootstrap.map((address) => {
      const [host, number] = address.split(':');
      return { host: host!, port: Number(number) };
    });
    return Cluster.connect({ name, bootstrap: addresses });
  };
  const [from, to] = await Promise.all([
    connect('us-east', source.bootstrap),
    connect('eu-west', destination.bootstrap),
  ]);
  const verdict = await verifyLink({
    ...{ source: from, destination: to, waitMsMax: 120_000 },
    topics: [{ source: topic, destination: topic }],
  }).finally(() => {
    from.close();
    to.close();
  });
  expect(verdict.partitions.filter(({ outcome }) => outcome !== 'identical')).toEqual([]);
  const compared = verdict.partitions.reduce((sum, { compared: { records } }) => sum + Number(records), 0);
  // A send that is tried again may be there twice.
  expect(compared).toBeGreaterThanOrEqual(written);
  await producer.close(true);
}, 240_000);

it('is told by doctor, with what its send buffer lets one connection carry', async () => {
  const file = `${folder.path}/doctor.yaml`;
  await writeFile(
    file,
    `version: 1
clusters:
  far: { bootstrap: ["${proxy.host}:${proxy.port}"] }
  near: { bootstrap: ["${regions['eu-west'].bootstrap[0]}"] }
links:
  far-to-near: { source: far, destination: near, topics: [none] }
`,
  );
  const topology = await loadTopology(file);
  const report = await examine({ topology, probe: false, signal: new AbortController().signal });
  const check = report.clusters
    .find(({ name }) => name === 'far')
    ?.checks.find(({ name }) => name === 'send-buffer');
  expect(check).toMatchObject({ mark: 'advice' });
  // 20 ms, and what a busy machine adds.
  expect(check?.detail).toMatch(
    /^[2-9]\d ms there and back; one connection carries \d\.\d MiB\/s with socket\.send\.buffer\.bytes=102400/,
  );
  expect(check?.remedy).toContain('set socket.send.buffer.bytes=4194304 on the brokers');
});
