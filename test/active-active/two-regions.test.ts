// Two regions write orders, and each sees the other's under the other's name, offset for offset. Consumers of different
// clients, subscribed by pattern, get each record once. A region that is lost or cut off and comes back finds its place,
// and nobody takes a healthy pair for a loop.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ProxiedRegion, startProxiedRegion } from '../../scripts/soak/regions.ts';
import { createTopic, kafkaTool } from '../support/kafka-tools.ts';
import { kcatConsume, kcatProduce } from '../support/kcat.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { kcatByPattern, type Mesh, type Place, readLines, runMesh, topicsOf, writeMesh } from './mesh.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {} });
const pattern = '^(us-east\\.|eu-west\\.)?orders$';
const partitions = 3;
const count = 300;

let proxied: ProxiedRegion;
let mesh: Mesh;
/** Everything that was written, by region. */
const written: Record<string, string[]> = { 'us-east': [], 'eu-west': [] };

/** By the brokers' own addresses: writers and witnesses are not cut off. */
const places = (): readonly [Place, Place] => [
  { name: 'us-east', bootstrap: regions['us-east'].bootstrap },
  { name: 'eu-west', bootstrap: proxied.region.bootstrap },
];

async function write(place: Place): Promise<void> {
  const known = written[place.name]!;
  const records = Array.from({ length: count }, (_none, index) => ({
    key: `key ${index % 41}`,
    value: `${place.name} ${known.length + index}`,
  }));
  await kcatProduce({ bootstrap: place.bootstrap, topic: 'orders', records });
  known.push(...records.map(({ value }) => value));
}

const everything = (): string[] => Object.values(written).flat().sort();
const valuesOf = (records: readonly { value: string | null }[]): (string | null)[] =>
  records.map(({ value }) => value).sort();

beforeAll(async () => {
  proxied = await startProxiedRegion({
    ...{ name: 'eu-west', folder: folder.path, brokers: 1, brokerConfig: {}, random: Math.random },
  });
  for (const region of [regions['us-east'], proxied.region])
    await createTopic(region, 'orders', { partitions });
  for (const place of places()) await write(place);
  const file = await writeMesh(folder.path, 'pair', {
    places: [places()[0], { name: 'eu-west', bootstrap: proxied.bootstrap }],
    links: [
      "us-to-eu: { source: us-east, destination: eu-west, topics: [orders], prefix: 'us-east.' }",
      "eu-to-us: { source: eu-west, destination: us-east, topics: [orders], prefix: 'eu-west.' }",
    ],
  });
  mesh = await runMesh(file);
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  await proxied?.[Symbol.asyncDispose]();
});

/** Whatever happened: identical, each record once for whoever reads by pattern, no topic too many, no loop. */
async function expectHealthy(): Promise<void> {
  await mesh.converges(2);
  for (const [place, other] of [places(), places().toReversed()] as const) {
    expect(await topicsOf(place!)).toEqual([`${other!.name}.orders`, 'orders'].sort());
    const [original, mirror] = await Promise.all([
      kcatConsume({ bootstrap: place!.bootstrap, topic: 'orders' }),
      kcatConsume({ bootstrap: other!.bootstrap, topic: `${place!.name}.orders` }),
    ]);
    expect(mirror).toEqual(original);
    expect(valuesOf(original)).toEqual(written[place!.name]!.toSorted());
  }
  expect([...mesh.statesSeen]).not.toContain('LoopDetected');
  expect([...mesh.statesSeen]).not.toContain('Diverged');
}

describe('two regions that write orders', { timeout: 300_000 }, () => {
  it('see each other’s, offset for offset', expectHealthy);

  it('are read by pattern: each record once, by librdkafka and by Java', async () => {
    for (const [index, place] of places().entries()) {
      const byKcat = await kcatByPattern(place, pattern, `kcat-${place.name}`);
      expect(valuesOf(byKcat)).toEqual(everything());
      expect(
        new Set(byKcat.map(({ topic, partition, offset }) => `${topic}/${partition}/${offset}`)).size,
      ).toBe(everything().length);
      const region = [regions['us-east'], proxied.region][index]!;
      const { stdout } = await kafkaTool(
        region,
        'org.apache.kafka.tools.consumer.ConsoleConsumer',
        [
          ...['--bootstrap-server', place.bootstrap.join(','), '--include', pattern.slice(1, -1)],
          ...['--from-beginning', '--timeout-ms', '15000'],
          ...['print.partition', 'print.offset', 'print.value'].flatMap((key) => [
            '--formatter-property',
            `${key}=true`,
          ]),
        ],
        { timeoutMs: 120_000 },
      );
      const byJava = readLines(stdout, /^(Partition):(\d+)\tOffset:(\d+)\t(.*)$/);
      expect(valuesOf(byJava)).toEqual(everything());
    }
  });

  it('come together again when one was killed: both have written on', async () => {
    await regions['us-east'].kill();
    await write(places()[1]);
    await regions['us-east'].start();
    await write(places()[0]);
    await expectHealthy();
  });

  it('come together again when one was cut off from all agents: both have written on', async () => {
    const [proxy] = proxied.proxies;
    proxy!.setFault({ kind: 'refuse' });
    expect(proxy!.cutAll()).toBeGreaterThan(0);
    for (const place of places()) await write(place);
    expect(proxy!.counts.cut).toBeGreaterThan(0);
    proxy!.setFault({ kind: 'none' });
    await expectHealthy();
  });
});
