// Three regions: a full mesh, and a hub with two spokes. Each record is in every region once, a spoke never gets its own
// back, and a region that was lost comes back to the same.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createTopic } from '../support/kafka-tools.ts';
import { kcatConsume, kcatProduce } from '../support/kcat.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { kcatByPattern, type Mesh, runMesh, topicsOf, writeMesh } from './mesh.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': {}, 'ap-south': {} });
const names = ['us-east', 'eu-west', 'ap-south'] as const;
type Name = (typeof names)[number];
const partitions = 2;
const count = 200;

const places = () => names.map((name) => ({ name, bootstrap: regions[name].bootstrap }));
const others = (name: Name): Name[] => names.filter((other) => other !== name);

/** What was written to a topic, by region. */
class Written {
  readonly topic: string;
  readonly #values = new Map<Name, string[]>();

  constructor(topic: string) {
    this.topic = topic;
  }
  at(name: Name): readonly string[] {
    return this.#values.get(name) ?? [];
  }
  get all(): string[] {
    return [...this.#values.values()].flat().sort();
  }
  async create(at: readonly Name[]): Promise<void> {
    await Promise.all(at.map((name) => createTopic(regions[name], this.topic, { partitions })));
  }
  async write(name: Name): Promise<void> {
    const known = [...this.at(name)];
    const records = Array.from({ length: count }, (_none, index) => ({
      key: `key ${index % 17}`,
      value: `${name} ${known.length + index}`,
    }));
    await kcatProduce({ bootstrap: regions[name].bootstrap, topic: this.topic, records });
    this.#values.set(name, [...known, ...records.map(({ value }) => value)]);
  }
}

const read = (name: Name, topic: string) => kcatConsume({ bootstrap: regions[name].bootstrap, topic });

async function expectMesh(mesh: Mesh, written: Written): Promise<void> {
  const { topic } = written;
  await mesh.converges(6);
  for (const name of names) {
    const original = await read(name, topic);
    expect(original.map(({ value }) => value).sort()).toEqual(written.at(name).toSorted());
    for (const other of others(name)) expect(await read(other, `${name}.${topic}`)).toEqual(original);
    const here = (await topicsOf({ name, bootstrap: regions[name].bootstrap })).filter((each) =>
      each.endsWith(topic),
    );
    expect(here).toEqual([...others(name).map((other) => `${other}.${topic}`), topic].sort());
  }
  expect([...mesh.statesSeen]).not.toContain('LoopDetected');
}

const meshLinks = (topic: string): string[] =>
  names.flatMap((source) =>
    others(source).map(
      (destination) =>
        `${source}-to-${destination}: { source: ${source}, destination: ${destination}, topics: [${topic}], mirrorMaker: {} }`,
    ),
  );

describe('three regions', { timeout: 400_000 }, () => {
  it('in a full mesh have each record once, also when one was killed and came back', async () => {
    const orders = new Written('orders');
    await orders.create(names);
    for (const name of names) await orders.write(name);
    const file = await writeMesh(folder.path, 'mesh', { places: places(), links: meshLinks('orders') });
    await using mesh = await runMesh(file);
    await expectMesh(mesh, orders);
    for (const place of places()) {
      const records = await kcatByPattern(place, '^([a-z-]+\\.)?orders$', `by-pattern-${place.name}`);
      expect(records.map(({ value }) => value).sort()).toEqual(orders.all);
    }

    await regions['ap-south'].kill();
    for (const name of others('ap-south')) await orders.write(name);
    await regions['ap-south'].start();
    await orders.write('ap-south');
    await expectMesh(mesh, orders);
  });

  it('with a hub: what spokes write is collected there, and goes out to the other spokes alone', async () => {
    const stock = new Written('stock');
    await stock.create(['eu-west', 'ap-south']);
    const spoke = (name: Name): string[] => [
      `${name}-in: { source: ${name}, destination: us-east, topics: [stock], mirrorMaker: {} }`,
      `${name}-out: { source: us-east, destination: ${name}, topics: ['.*[.]stock'], mirrorMaker: {} }`,
    ];
    for (const name of ['eu-west', 'ap-south'] as const) await stock.write(name);
    const file = await writeMesh(folder.path, 'hub', {
      ...{ places: places(), links: [...spoke('eu-west'), ...spoke('ap-south')] },
    });
    await using mesh = await runMesh(file);
    const expectHub = async (): Promise<void> => {
      await mesh.converges(4);
      for (const [name, other] of [['eu-west', 'ap-south'] as const, ['ap-south', 'eu-west'] as const]) {
        const original = await read(name, 'stock');
        expect(original.map(({ value }) => value).sort()).toEqual(stock.at(name).toSorted());
        expect(await read('us-east', `${name}.stock`)).toEqual(original);
        expect(await read(other, `us-east.${name}.stock`)).toEqual(original);
        const here = await topicsOf({ name, bootstrap: regions[name].bootstrap });
        expect(here.filter((topic) => topic.endsWith('stock'))).toEqual(['stock', `us-east.${other}.stock`]);
      }
      expect([...mesh.statesSeen]).not.toContain('LoopDetected');
    };
    await expectHub();

    await regions['us-east'].kill();
    for (const name of ['eu-west', 'ap-south'] as const) await stock.write(name);
    await regions['us-east'].start();
    await expectHub();
  });

  it('run a full mesh from the file of connect-mirror-maker.sh', async () => {
    const payments = new Written('payments');
    await payments.create(names);
    for (const name of names) await payments.write(name);
    const file = path.join(folder.path, 'mm2.properties');
    const flows = names.flatMap((source) => others(source).map((target) => `${source}->${target}`));
    const lines = [
      `clusters = ${names.join(', ')}`,
      ...names.map((name) => `${name}.bootstrap.servers = ${regions[name].bootstrap.join(',')}`),
      ...flows.map((flow) => `${flow}.enabled = true`),
      'topics = payments',
      // Beats never end, and this test waits for an end.
      'emit.heartbeats.enabled = false',
      'replication.factor = 1',
    ];
    await writeFile(file, `${lines.join('\n')}\n`);
    await using mesh = await runMesh(file);
    await expectMesh(mesh, payments);
  });
});
