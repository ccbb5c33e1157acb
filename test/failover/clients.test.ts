// Clients that stay alive while their region is lost: their bootstrap name is switched in a real DNS server from one region
// to the other, consumers go on at their offsets, producers go on writing, and nothing that was acknowledged is missing.
// docs/clients.md says what each of them needs.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { fetchGroupOffsets, unwrap } from '../../src/client/index.ts';
import type { MoveRecord } from '../../src/control/index.ts';
import { hookEvent, runHooks } from '../../src/failover/hooks/index.ts';
import type { WrapCommand } from '../../src/regions/index.ts';
import type { HookConfig } from '../../src/topology/index.ts';
import { openFleet } from '../agent/running-fleet.ts';
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
    await oracle.createTopics(from, [{ name: topic, partitions: partitionCount }]);
    // The lost region's leader epochs are above those of the other one: clients that remember them must not mind.
    for (let i = 0; i < 3; i++) {
      await from.stop();
      await from.start();
    }

    // A name leads to one address or the other, both with the same port.
    const [here, there] = await addressPair();
    await using stack = new AsyncDisposableStack();
    const door = stack.use(await startTcpProxy(addressesOf(from)[0]!, { host: here }));
    stack.use(await startTcpProxy(addressesOf(to)[0]!, { host: there, port: door.port }));
    const dns = stack.use(await startDns({ zone: 'shop.test', addresses: { kafka: here } }));
    const wrap: WrapCommand = (command, args) => resolvingWith(dns, command, args);
    const where = { bootstrap: `kafka.shop.test:${door.port}`, topic, wrap };

    const fleet = stack.use(await openFleet(to));
    await fleet.start('agent');
    const config = { topics: [topic], groups: ['moving-.*'], sync: { groups: { every: '500ms' } } };
    const source = { name: 'us-east', bootstrap: from.bootstrap };
    await fleet.done({
      do: 'createLink',
      link: { name: 'us-to-eu', source, destination: 'eu-west', config },
    });

    const java = stack.use(await JavaClients.start({ wrap }));
    const javaProducer = javaProducerOf(java, where);
    const producers: MovingProducer[] = [
      javaProducer,
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
          const committed = await fetchGroupOffsets(fleet.control.cluster, group);
          const read = committed.reduce((sum, { outcome }) => sum + unwrap(outcome).offset, 0n);
          return read === BigInt(written.size);
        },
        { deadlineMs: 60_000, describe: `positions of ${group} to be synced` },
      );
    await fleet.done({
      do: 'promoteMirrors',
      link: 'us-to-eu',
      topics: null,
      isNow: false,
      timeoutMs: 60_000,
    });
    await switchName(dns, here, there);
    const lostAtMs = Date.now();
    await door.close();
    await from.kill();
    write('after');
    await waitFor(() => consumers.every(({ records }) => valuesOf(records).size === written.size), {
      ...{ deadlineMs: 150_000, pollMs: 100 },
      describe: () => `all to go on: ${written.size} wanted; ${state()}`,
    });
    console.log(
      `the last one went on ${Date.now() - lostAtMs} ms after the loss; read again: ${consumers.map(({ name, records }) => `${name}: ${againOf(records)}`).join('; ')}`,
    );

    for (const { name, records, restarts } of consumers) {
      expect({ name, values: valuesOf(records) }).toEqual({ name, values: written });
      for (const [partition, own] of Map.groupBy(records, (record) => record.partition)) {
        const offsets = [...new Set(own.map(({ offset }) => offset))].sort((a, b) => a - b);
        const cut = offsets.filter((offset, index) => index > 0 && offset !== offsets[index - 1]! + 1);
        // A promotion that waits closes each partition with two markers.
        expect({ name, partition, first: offsets[0], jumps: cut.length }).toEqual({
          name,
          partition,
          first: 0,
          jumps: 1,
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

  /** As a site would: by the ready hook. */
  async function switchName(dns: RunningDns, here: string, there: string): Promise<void> {
    const conf = path.join(folder.path, 'dns.conf');
    writeFileSync(
      conf,
      `SERVER="${dns.server}"\nZONE=${dns.zone}\nKEY=${dns.keyFile}\nNAMES=kafka\nTTL=1\nADDRESSES_us_east=${here}\nADDRESSES_eu_west=${there}\n`,
    );
    const script = path.resolve(import.meta.dirname, '../../deploy/hooks/dns-nsupdate.sh');
    const hook: HookConfig = {
      ...{ name: 'dns', at: 'after', on: ['failover'], command: [script, conf], headers: {} },
      ...{ timeoutMs: 10_000, isBlocking: false },
    };
    const options = { folder: folder.path, canStop: false, environment: nsupdateEnvironment };
    expect(await runHooks([hook], 'after', hookEvent(move), options)).toMatchObject([{ state: 'done' }]);
    expect(await dns.addressesOf('kafka')).toEqual([there]);
  }
});

const move: MoveRecord = {
  ...{ v: 1, id: 'move-1', group: 'shop', kind: 'failover', from: 'us-east', to: 'eu-west', topics: null },
  ...{
    by: 'test',
    startedAtMs: 0,
    changedAtMs: 0,
    revision: 1,
    state: 'running',
    step: 'hooksAfter',
    done: [],
  },
  ...{ rolesGeneration: 2, facts: {} },
};

function valuesOf(records: MovingConsumer['records']): Set<string> {
  return new Set(records.map(({ value }) => value));
}

const againOf = (records: MovingConsumer['records']): number => records.length - valuesOf(records).size;

/** Two addresses of the loopback interface that nobody else uses. */
async function addressPair(): Promise<[string, string]> {
  const net = `127.${50 + (process.pid % 150)}.${Math.floor(Math.random() * 250)}`;
  return [`${net}.11`, `${net}.12`];
}

/** An idempotent Java producer with its defaults: one that lives on, and so keeps its producer id. */
function javaProducerOf(
  java: JavaClients,
  { bootstrap, topic }: { readonly bootstrap: string; readonly topic: string },
): MovingProducer {
  const workload = java.workload({ bootstrap: [bootstrap] });
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
