// One real region of each Kafka version, and what tests and drills do to it.
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { createRegion, findFreePort } from '../../src/regions/index.ts';
import { createTopic, dumpLog, endOffsets, javaConsume, javaProduce } from '../support/kafka-tools.ts';
import { kcatConsume, kcatIsInstalled, kcatProduce } from '../support/kcat.ts';
import { platformaticConsume, platformaticProduce } from '../support/platformatic.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ newest: { kafkaVersion: '4.3.1' }, oldest: { kafkaVersion: '3.9.2' } });
const names = ['newest', 'oldest'] as const;

test.each(names)(
  '%s: records of an independent client survive a killed broker, which keeps its port',
  async (name) => {
    const region = regions[name];
    const broker = region.brokers[0]!;
    const topic = uniqueTopic('killed');
    await createTopic(region, topic);
    const lines = Array.from({ length: 100 }, (_, index) => `k${index}:v${index}`);
    await javaProduce(region, topic, lines);
    const [pidBefore, portBefore] = [broker.pid, broker.port];

    await broker.kill();
    expect(broker.isRunning).toBe(false);
    await expect(canConnect(portBefore)).resolves.toBe(false);
    await broker.start();

    expect(broker.port).toBe(portBefore);
    expect(broker.pid).not.toBe(pidBefore);
    expect(await endOffsets(region, topic)).toEqual(new Map([[0, 100n]]));
    const read = await javaConsume(region, topic, 100);
    expect(read).toHaveLength(100);
    expect(read[99]).toMatch(/Partition:0\tOffset:99\t.*k99\tv99$/);
  },
);

test.each(names)(
  '%s: three independent clients see the same records',
  { skip: !kcatIsInstalled },
  async (name) => {
    const region = regions[name];
    const { bootstrap } = region;
    const topic = uniqueTopic('clients');
    const long = '1'.repeat(2000); // librdkafka sends what does not shrink uncompressed
    await createTopic(region, topic, { partitions: 2 });
    await kcatProduce({
      bootstrap,
      topic,
      partition: 0,
      records: [{ key: 'a', value: long }],
      headers: { from: 'kcat' },
      config: { 'compression.codec': 'lz4' },
    });
    const headers = new Map([[Buffer.from('from'), Buffer.from('platformatic')]]);
    const timestamp = 1_700_000_000_123n;
    await platformaticProduce({
      bootstrap,
      topic,
      messages: [{ partition: 1, key: Buffer.from('b'), value: Buffer.from('2'), headers, timestamp }],
      compression: 'zstd',
    });

    const byKcat = await kcatConsume({ bootstrap, topic });
    expect(byKcat).toMatchObject([
      { partition: 0, offset: 0, key: 'a', value: long, headers: ['from', 'kcat'] },
      {
        partition: 1,
        offset: 0,
        key: 'b',
        value: '2',
        headers: ['from', 'platformatic'],
        timestampMs: 1_700_000_000_123,
      },
    ]);
    const byPlatformatic = await platformaticConsume({ bootstrap, topic, count: 2 });
    expect(byPlatformatic.map(({ partition, key, value }) => [partition, `${key}`, `${value}`])).toEqual([
      [0, 'a', long],
      [1, 'b', '2'],
    ]);
    expect(byPlatformatic[1]?.timestamp).toBe(timestamp);
    expect(await dumpLog(region, topic, 0)).toMatch(
      /compresscodec: lz4[\s\S]*offset: 0 .*headerKeys: \[from\]/,
    );
  },
);

test('a paused broker answers nothing and keeps its connections; resumed, it serves again', async () => {
  const broker = regions.newest.brokers[0]!;
  const topic = uniqueTopic('paused');
  await createTopic(regions.newest, topic);
  broker.pause();
  try {
    expect(broker.isRunning).toBe(true);
    expect(regions.newest.status().brokers[0]?.state).toBe('paused');
    // The kernel still accepts connections for a frozen process; nobody answers on them.
    await expect(canConnect(broker.port)).resolves.toBe(true);
    await expect(endOffsets(regions.newest, topic, { timeoutMs: 4000 })).rejects.toThrow(
      /took longer than 4000 ms/,
    );
  } finally {
    broker.resume();
  }
  const ends = await waitFor(() => endOffsets(regions.newest, topic), {
    deadlineMs: 20_000,
    describe: 'the resumed broker to answer',
  });
  expect(ends).toEqual(new Map([[0, 0n]]));
});

test('a port in use is named before anything is started', async () => {
  const { port } = regions.newest.brokers[0]!;
  const options = { name: 'taken', directory: `${folder.path}/taken`, ports: [port] };
  await expect(createRegion(options)).rejects.toMatchObject({
    code: 'REGION_FAILED',
    message: expect.stringContaining(`port ${port} of 127.0.0.1 is in use`),
  });
});

test.each([
  ['a setting of the wrong type', { 'log.retention.bytes': 'many' }, /log\.retention\.bytes/],
  ['a class that is not there', { 'metric.reporters': 'no.such.Reporter' }, /no\.such\.Reporter/],
])(
  '%s ends the start with the reason from the log, and nothing is left running',
  async (what, brokerConfig, reason) => {
    const directory = `${folder.path}/dying-${what.replaceAll(' ', '-')}`;
    const region = await createRegion({ name: 'dying', directory, brokerConfig });
    const error = await region.start().then(
      () => null,
      (thrown: Error) => thrown,
    );
    expect(error).toMatchObject({ code: 'REGION_FAILED' });
    expect(error?.message).toMatch(/^Region dying: .*broker 1/);
    expect(error?.message).toMatch(reason);
    expect(error?.message).not.toMatch(/\n\s+at /);
    expect(region.brokers[0]?.isRunning).toBe(false);
  },
);

test('a stopped region is taken up again from its folder with its data, on given ports', async () => {
  const directory = `${folder.path}/again`;
  const ports = [await findFreePort()];
  const topic = uniqueTopic('again');
  const first = await createRegion({ name: 'again', directory, ports, heapMb: 256 });
  await first.start();
  await createTopic(first, topic);
  await javaProduce(first, topic, ['a:1', 'b:2']);
  await first.stop();
  expect(first.status().brokers).toMatchObject([{ state: 'stopped', pid: null }]);

  const second = await createRegion({ name: 'again', directory, ports, heapMb: 256 });
  try {
    await second.start();
    expect(second.bootstrap).toEqual([`127.0.0.1:${ports[0]}`]);
    expect(second.clusterId).toBe(first.clusterId);
    expect(await endOffsets(second, topic)).toEqual(new Map([[0, 2n]]));
  } finally {
    await second.destroy();
  }
  await expect(canConnect(ports[0]!)).resolves.toBe(false);
});

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
