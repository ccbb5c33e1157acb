// Clients that stay alive while their region is lost: their bootstrap name is switched in a real DNS server from one region
// to the other, consumers go on at their offsets, producers go on writing, and nothing that was acknowledged is missing.
// docs/clients.md says what each of them needs.
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { fetchGroupOffsets, unwrap } from '../../src/client/index.ts';
import type { WrapCommand } from '../../src/regions/index.ts';
import { addressesOf } from '../client/support.ts';
import { consumerMakes } from '../groups/consumers.ts';
import {
  bind9Missing,
  nsupdateEnvironment,
  type RunningDns,
  resolvingWith,
  startDns,
} from '../support/bind9.ts';
import { JavaClients } from '../support/java-clients.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { waitFor } from '../support/wait-for.ts';
import { MovableRegions } from './movable-regions.ts';
import {
  javaConsumer,
  kcatConsumer,
  kcatProducer,
  type MovingConsumer,
  type MovingProducer,
  pythonConsumer,
  pythonProducer,
} from './moving-clients.ts';

const missing = [
  bind9Missing,
  ...consumerMakes.map((make) => make.missing),
  spawnSync('unshare', ['--mount', 'true']).status === 0 ? null : 'mount namespaces are not allowed here',
].find((why) => why !== null);

const partitionCount = 2;
const perProducer = 20;

describe.skipIf(missing !== undefined)(`clients that move by a name${missing ? `: ${missing}` : ''}`, () => {
  const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
  const folder = useTemporaryFolder();
  const oracle = useOracle();

  test('Java, kcat and confluent-kafka go on at their offsets and go on writing', async () => {
    const [from, to] = [regions['us-east'], regions['eu-west']];
    const topic = uniqueTopic('orders');
    await using stack = new AsyncDisposableStack();
    const { name, where } = await nameOf(stack, topic);
    const movable = stack.use(
      await MovableRegions.start({
        ...{ regions: [from, to], topics: [topic], partitions: partitionCount },
        link: { groups: ['moving-.*'], sync: { groups: { every: '500ms' } } },
        group: { hooks: [{ name: 'dns', at: 'after', command: name.hook }] },
      }),
    );
    // The lost region's leader epochs are above those of the other one: clients that remember them must not mind.
    for (let i = 0; i < 3; i++) {
      await from.stop();
      await from.start();
    }

    const java = stack.use(await JavaClients.start({ wrap: where.wrap }));
    const producers: MovingProducer[] = [
      javaProducerOf(java, where),
      stack.use(kcatProducer(where, 2)),
      stack.use(pythonProducer(where)),
    ];
    const consumers: MovingConsumer[] = [
      stack.use(await javaConsumer(to, where, { group: 'moving-java', protocol: 'classic' })),
      stack.use(await javaConsumer(to, where, { group: 'moving-java-848', protocol: 'consumer' })),
      stack.use(kcatConsumer(where, 'moving-kcat')),
      stack.use(pythonConsumer(where, 'moving-python', 'classic')),
      stack.use(pythonConsumer(where, 'moving-python-848', 'consumer')),
    ];

    const written = new Set<string>();
    const write = (phase: string): void => {
      for (const producer of producers) {
        const values = Array.from(
          { length: perProducer },
          (_, index) => `${producer.name} ${phase} ${index}`,
        );
        for (const value of values) written.add(value);
        producer.write(values);
      }
    };
    const state = (): string =>
      JSON.stringify({
        consumers: consumers.map(({ name, records, words, restarts }) => [
          restarts(),
          name,
          valuesOf(records).size,
          words().slice(-600),
        ]),
        producers: producers.map(({ name, acknowledged, words }) => [
          name,
          acknowledged?.length,
          words().slice(-600),
        ]),
      });
    const allRead = async (what: string): Promise<void> => {
      await waitFor(
        () =>
          consumers.every(({ records }) => valuesOf(records).size === written.size) &&
          producers.every(({ acknowledged }) => (acknowledged?.length ?? 0) % perProducer === 0),
        { deadlineMs: 120_000, pollMs: 200, describe: () => `${what}: ${written.size} wanted; ${state()}` },
      );
    };

    write('before');
    await allRead('every consumer to read what was written before');
    for (const { group } of consumers)
      await waitFor(
        async () => {
          const committed = await fetchGroupOffsets(movable.clusters.get(to.name)!, group);
          const read = committed.reduce((sum, { outcome }) => sum + unwrap(outcome).offset, 0n);
          return read === BigInt(written.size);
        },
        { deadlineMs: 60_000, describe: `positions of ${group} to be synced` },
      );
    await movable.mirrored(from);
    const lostAtMs = Date.now();
    await from.kill();
    const failover = await movable.type('failover', '--to', to.name, '--yes');
    expect({ ...failover, logs: movable.logs() }).toMatchObject({ exitCode: 0 });
    expect(failover.stdout).toMatch(/hooks after .* 1 done/);
    const movedMs = Date.now() - lostAtMs;
    write('after');
    const wentOnMs = new Map<string, number>();
    const isThere = ({ name, records }: MovingConsumer): boolean => {
      if (valuesOf(records).size > written.size / 2 && !wentOnMs.has(name))
        wentOnMs.set(name, Date.now() - lostAtMs);
      return valuesOf(records).size === written.size;
    };
    await waitFor(() => consumers.map(isThere).every(Boolean), {
      ...{ deadlineMs: 150_000, pollMs: 100 },
      describe: () => `all to go on: ${written.size} wanted; ${state()}`,
    });
    const again = consumers.map(({ name, records }) => [name, againOf(records)]);
    console.log(
      `moved ${movedMs} ms after the loss; went on: ${JSON.stringify([...wentOnMs])}; again: ${JSON.stringify(again)}`,
    );

    for (const { name, records, restarts } of consumers) {
      expect({ name, values: valuesOf(records) }).toEqual({ name, values: written });
      for (const [partition, own] of Map.groupBy(records, (record) => record.partition)) {
        const offsets = [...new Set(own.map(({ offset }) => offset))].sort((a, b) => a - b);
        const cut = offsets.filter((offset, index) => index > 0 && offset !== offsets[index - 1]! + 1);
        // A promotion closes each partition with markers; producers without keys may leave one of them out in a phase.
        const phases = new Set(own.map(({ value }) => value.split(' ').at(-2)));
        expect({ name, partition, first: offsets[0], jumps: cut.length }).toEqual({
          ...{ name, partition, first: phases.has('before') ? 0 : expect.any(Number) },
          jumps: phases.size - 1,
        });
      }
      // With KIP-848 the destination does not know the group's members, which ends the client: a supervisor starts it anew.
      expect({ name, restarts: restarts() }).toEqual({ name, restarts: name.includes('=consumer') ? 1 : 0 });
      // What was committed and synced does not come again, but where librdkafka begins anew (docs/clients.md).
      const againMax = name === 'confluent-kafka, group.protocol=classic' ? written.size / 2 : 0;
      expect({ name, again: againOf(records) }).toSatisfy(() => againOf(records) <= againMax);
    }
    for (const { name, acknowledged } of producers.filter((each) => each.acknowledged !== null))
      expect({ name, acknowledged: acknowledged?.length }).toEqual({ name, acknowledged: 2 * perProducer });
  });

  test('producers leave a region that hangs, when they are told how long to wait for it', async () => {
    const [from, to] = [regions['us-east'], regions['eu-west']];
    if (!from.brokers.every(({ isRunning }) => isRunning)) await from.start();
    const topic = uniqueTopic('bills');
    for (const region of [from, to]) await oracle.createTopics(region, [{ name: topic }]);
    await using stack = new AsyncDisposableStack();
    const { name, where } = await nameOf(stack, topic);
    const java = stack.use(await JavaClients.start({ wrap: where.wrap }));
    const patience = { 'metadata.recovery.rebootstrap.trigger.ms': '5000', 'request.timeout.ms': '3000' };
    const python = stack.use(
      pythonProducer(where, {
        ...{ 'metadata.recovery.rebootstrap.trigger.ms': 5_000, 'socket.timeout.ms': 3_000 },
      }),
    );
    const producers = [javaProducerOf(java, where, patience), python];
    for (const producer of producers) producer.write([`${producer.name} before`]);
    const acknowledged = (): number[] => producers.map((each) => each.acknowledged?.length ?? 0);
    const reach = (count: number) =>
      waitFor(() => acknowledged().every((each) => each === count), {
        ...{ deadlineMs: 120_000, pollMs: 100 },
        describe: () => `${count} acknowledged: ${acknowledged()}; ${producers.map(({ words }) => words())}`,
      });
    await reach(1);
    for (const { pid } of from.brokers) process.kill(pid!, 'SIGSTOP');
    stack.defer(() => {
      for (const { pid } of from.brokers) process.kill(pid!, 'SIGCONT');
    });
    const hungAtMs = Date.now();
    const [command, ...args] = name.hook;
    execFileSync(command, args, { env: { LOCKSTEP_TO: to.name } });
    for (const producer of producers) producer.write([`${producer.name} after`]);
    await reach(2);
    console.log(`went on ${Date.now() - hungAtMs} ms after the region hung`);
    const { records } = await oracle.read({ region: to, topic, isolation: 'read_uncommitted' });
    const values = records.map(({ value }) => String(value));
    expect(new Set(values)).toEqual(new Set(producers.map((each) => `${each.name} after`)));
  });

  /** A name that leads to the source, at the same port as the destination: brokers of a test differ in their ports. */
  async function nameOf(stack: AsyncDisposableStack, topic: string) {
    const [here, there] = addressPair();
    const door = stack.use(await startTcpProxy(addressesOf(regions['us-east'])[0]!, { host: here }));
    const other = addressesOf(regions['eu-west'])[0]!;
    stack.use(await startTcpProxy(other, { host: there, port: door.port }));
    const dns = stack.use(await startDns({ zone: 'shop.test', addresses: { kafka: here } }));
    // The JVM keeps addresses for 30 s unless it is told otherwise.
    const jvm = 'JAVA_TOOL_OPTIONS=-Dsun.net.inetaddr.ttl=1';
    const wrap: WrapCommand = (command, args) => resolvingWith(dns, 'env', [jvm, command, ...args]);
    return {
      name: { hook: hookOf(dns, here, there) },
      where: { bootstrap: `kafka.shop.test:${door.port}`, topic, wrap },
    };
  }

  /** The ready hook, as a command that leads the name to either region. */
  function hookOf(dns: RunningDns, here: string, there: string): [string, ...string[]] {
    const conf = path.join(folder.path, `${uniqueTopic('dns')}.conf`);
    writeFileSync(
      conf,
      `SERVER="${dns.server}"\nZONE=${dns.zone}\nKEY=${dns.keyFile}\nNAMES=kafka\nTTL=1\nADDRESSES_us_east=${here}\nADDRESSES_eu_west=${there}\n`,
    );
    const { PATH, LD_LIBRARY_PATH = '' } = nsupdateEnvironment;
    return ['env', `PATH=${PATH}`, `LD_LIBRARY_PATH=${LD_LIBRARY_PATH}`, script, conf];
  }
});

const script = path.resolve(import.meta.dirname, '../../deploy/hooks/dns-nsupdate.sh');

function valuesOf(records: MovingConsumer['records']): Set<string> {
  return new Set(records.map(({ value }) => value));
}

const againOf = (records: MovingConsumer['records']): number => records.length - valuesOf(records).size;

/** Two addresses of the loopback interface that nobody else uses. */
function addressPair(): [string, string] {
  const net = `127.${50 + (process.pid % 150)}.${Math.floor(Math.random() * 250)}`;
  return [`${net}.11`, `${net}.12`];
}

/** An idempotent Java producer with its defaults: one that lives on, and so keeps its producer id. */
function javaProducerOf(
  java: JavaClients,
  { bootstrap, topic }: { readonly bootstrap: string; readonly topic: string },
  properties: Readonly<Record<string, string>> = {},
): MovingProducer {
  const workload = java.workload({ bootstrap: [bootstrap], properties });
  const acknowledged: string[] = [];
  let words = '';
  let writing: Promise<unknown> = Promise.resolve();
  return {
    ...{ name: 'Java', acknowledged },
    words: () => words,
    write: (values) => {
      const records = values.map((value) => ({ topic, value }));
      writing = writing
        .then(() => workload.produce({ producer: 'moving', records, flushEvery: 1 }))
        .then(
          () => acknowledged.push(...values),
          (error: unknown) => {
            words += String(error);
          },
        );
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
