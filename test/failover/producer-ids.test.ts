// Producers that move with their old producer id: how acknowledged records are lost, and Lockstep's ways out of it.
import { describe, expect, test } from 'vitest';
import { ProducerIdKeeper, type ProducerIdsOptions } from '../../src/agent/producer-ids.ts';
import {
  allocateProducerId,
  Cluster,
  createAcls,
  describeProducers,
  systemClock,
  unwrap,
} from '../../src/client/index.ts';
import type { RolesRecord } from '../../src/control/index.ts';
import type { ProducerIdsRecord } from '../../src/control/producer-ids-record.ts';
import { LockstepError } from '../../src/errors.ts';
import { openFleet } from '../agent/running-fleet.ts';
import { addressesOf, configOf } from '../client/support.ts';
import { guardedBy, passwordOf } from '../security/guarded-fleet.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { waitFor } from '../support/wait-for.ts';

describe('a Java producer that moves with its id', () => {
  const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
  const oracle = useOracle();

  test('loses acknowledged records to another one of the same id; not after a restart, nor where ids are kept apart', async () => {
    const [from, to] = [regions['us-east'], regions['eu-west']];
    const [shared, apart] = [uniqueTopic('shared'), uniqueTopic('apart')];
    await oracle.createTopics(from, [{ name: shared }, { name: apart }]);
    await using fleet = await openFleet(to);
    await fleet.start('agent');
    await using source = await connected(from);
    await using destination = await connected(to);
    const at = ['--bootstrap-server', to.bootstrap.join(',')];
    const lockstep = async (...args: string[]): Promise<string> => {
      const ended = await lockstepCommand(...args, ...at);
      if (ended.exitCode !== 0) throw new Error(`${args.join(' ')}: ${ended.stderr}`);
      return ended.stdout;
    };
    await lockstep(
      'links',
      'create',
      'us-to-eu',
      '--source-bootstrap',
      from.bootstrap.join(','),
      '--topics',
      `${shared},${apart}`,
    );

    // The name that producers know leads to the source for now.
    const [sourceAddress, destinationAddress] = [addressesOf(from)[0]!, addressesOf(to)[0]!];
    await using name = await startTcpProxy(sourceAddress);
    const moving = oracle.workload({ bootstrap: [`${name.host}:${name.port}`] });
    const staying = oracle.workload(to);
    const write = (workload: typeof moving, producer: string, topic: string, values: readonly string[]) =>
      workload.produce({ producer, records: values.map((value) => ({ topic, value })), flushEvery: 1 });
    const idOf = async (
      cluster: Cluster,
      topic: string,
      isOurs: (id: bigint) => boolean,
    ): Promise<bigint> => {
      const [described] = await describeProducers(cluster, [{ topic, partition: 0 }]);
      const ids = unwrap(described!.outcome).producers.map(({ producerId }) => producerId);
      expect(ids.filter(isOurs)).toHaveLength(1);
      return ids.find(isOurs)!;
    };
    const valuesAt = async (topic: string): Promise<string[]> => {
      const { records } = await oracle.read({ region: to, topic, isolation: 'read_uncommitted' });
      return records.map(({ value }) => String(value));
    };

    // Ids that nobody at the destination has yet.
    for (let i = 0; i < 50; i++) await allocateProducerId(source);
    await write(moving, 'unlucky', shared, ['before']);
    await write(moving, 'lucky', apart, ['before']);
    const unluckyId = await idOf(source, shared, () => true);
    const luckyId = await idOf(source, apart, () => true);
    for (const topic of [shared, apart])
      await waitFor(async () => (await valuesAt(topic)).length === 1, {
        deadlineMs: 60_000,
        describe: `${topic} to be mirrored`,
      });

    // Another producer at the destination, whom chance gave the same id.
    await lockstep('mirrors', 'promote', shared, '--link', 'us-to-eu', '--now', '--yes');
    for (let id = -1n; id < unluckyId - 1n; ) id = (await allocateProducerId(destination)).producerId;
    await write(staying, 'local', shared, ['local 0', 'local 1', 'local 2']);
    // The mirror's own ids are beyond 2^32.
    expect(await idOf(destination, shared, (id) => id < 2n ** 32n)).toBe(unluckyId);

    // Kept apart from now on.
    await lockstep('links', 'alter', 'us-to-eu', '--separate-producer-ids');
    let told = '';
    await waitFor(
      async () => {
        told = await lockstep('links', 'describe', 'us-to-eu');
        return /producer ids +[\d,]+ ahead, 1,000,000 wanted \(\d+ min/.test(told);
      },
      { deadlineMs: 60_000, pollMs: 500, describe: () => `ids to be apart; told: ${told}` },
    );
    await lockstep('mirrors', 'promote', apart, '--link', 'us-to-eu', '--now', '--yes');
    await write(staying, 'local too', apart, ['local 0', 'local 1', 'local 2']);
    expect(await idOf(destination, apart, (id) => id < 2n ** 32n)).toBeGreaterThan(luckyId);

    // The source is lost, and the name leads to the destination.
    name.setTarget(destinationAddress);
    name.cutAll();
    await from.kill();
    const lost = await write(moving, 'unlucky', shared, ['after the move']);
    const kept = await write(moving, 'lucky', apart, ['after the move']);
    expect(lost).toEqual([[shared, 0, expect.any(Number)]]);
    expect(await valuesAt(shared)).not.toContain('after the move');
    expect(kept).toEqual([[apart, 0, expect.any(Number)]]);
    expect(await valuesAt(apart)).toContain('after the move');

    // A producer that is restarted has a new id.
    await moving.producer('unlucky', { transactionalId: null });
    await write(moving, 'unlucky', shared, ['after a restart']);
    expect(await valuesAt(shared)).toContain('after a restart');
  });
});

describe('ids are kept apart', () => {
  const regions = useRegions({ 'eu-west': { brokers: 2 } });

  test('at every broker, as the source grows, one block a second, and only by the direction that counts', async () => {
    await using destination = await connected(regions['eu-west']);
    // A source whose two brokers gave these last.
    const given = new Map([
      [1, 3_500n],
      [2, 700n],
    ]);
    let failure: LockstepError | null = null;
    const source = {
      brokers: [{ id: 1 }, { id: 2 }],
      refreshMetadata: async () => {},
      request: async (_api: unknown, _body: unknown, { to }: { to: number }) => {
        if (failure !== null) throw failure;
        return { producerId: given.get(to)!, producerEpoch: 0 };
      },
    } as unknown as Cluster;
    const roles = new Map<string, RolesRecord>();
    const told: ProducerIdsRecord[] = [];
    const notices: string[] = [];
    const options: ProducerIdsOptions = {
      link: { name: 'us-to-eu', source: { name: 'us-east', bootstrap: [] } },
      ...{ source, destination, clock: systemClock, wantedAhead: 5_000, everyMs: 2_500 },
      roles: () => roles,
      keeperStore: (prefix) => ({
        entries: () => new Map(),
        put: async (entries) => {
          expect([prefix, ...entries.keys()]).toEqual(['producerIds/', 'us-to-eu']);
          told.push(...([...entries.values()] as ProducerIdsRecord[]));
        },
      }),
      onNotice: ({ level, text }) => notices.push(`${level}: ${text}`),
    };
    const last = (): ProducerIdsRecord | undefined => told.at(-1);
    const reaches = (what: string, condition: () => unknown) =>
      waitFor(condition, { deadlineMs: 60_000, describe: () => `${what}; told: ${JSON.stringify(last())}` });
    const idsHere = () =>
      Promise.all(
        destination.brokers.map(
          async ({ id }) => (await allocateProducerId(destination, { brokerId: id })).producerId,
        ),
      );

    await using stack = new AsyncDisposableStack();
    const begunAtMs = Date.now();
    const keeper = new ProducerIdKeeper(options);
    stack.defer(() => keeper.stop());
    keeper.start();
    await reaches('5,000 ahead', () => last()?.state === 'apart');
    expect(last()!.ahead).toBeGreaterThanOrEqual(5_000);
    for (const id of await idsHere()) expect(id).toBeGreaterThanOrEqual(8_500n);
    // Some eight blocks from nothing, at a block a second: never in a rush.
    expect(Date.now() - begunAtMs).toBeGreaterThan(5_000);
    expect(notices).toEqual([
      expect.stringMatching(/^info: producer ids of link us-to-eu are 5,\d{3} apart$/),
    ]);

    told.length = 0;
    given.set(2, 6_000n);
    await reaches('the source to be followed', () =>
      told.some(({ state, ahead }) => state === 'growing' && ahead! < 4_000),
    );
    await reaches('5,000 ahead again', () => last()?.state === 'apart');
    for (const id of await idsHere()) expect(id).toBeGreaterThanOrEqual(11_000n);

    // A source that is gone has given what it gave.
    failure = new LockstepError('CLUSTER_UNREACHABLE', 'us-east is gone');
    await reaches('the failure', () => last()?.error === 'us-east is gone');
    expect(last()).toMatchObject({ state: 'unknown', ahead: expect.any(Number) });
    expect(notices.at(-1)).toBe('warning: producer ids of link us-to-eu are not kept apart: us-east is gone');
    failure = null;
    given.set(2, 100n);
    await reaches('it to be apart still', () => last()?.state === 'apart');
    expect(last()!.ahead).toBeLessThan(6_000);

    // The other direction is the one that counts: two links would raise each other for ever.
    roles.set('shop', {
      ...{ v: 1, group: 'shop', generation: 2, regions: ['us-east', 'eu-west'], links: ['us-to-eu'] },
      ...{ primary: { region: 'eu-west', sinceGeneration: 2 }, topics: {}, awaitsRestore: {} },
      ...{ changedBy: 'failover', moveId: null, by: 'test', atMs: 0 },
    });
    given.set(1, 1_000_000n);
    await reaches('it to stand by', () => last()?.state === 'standsBy');
    await keeper.stop();
    const tellings = told.length;
    for (const id of await idsHere()) expect(id).toBeLessThan(20_000n);
    expect(told).toHaveLength(tellings);
  });
});

describe('an agent without the right at the source', () => {
  const regions = useRegions({ 'us-east': guardedBy(['agent']) });

  test('is told which one it lacks; granted, it goes on', async () => {
    const region = regions['us-east'];
    await using admin = await connected(region);
    const source = await Cluster.connect({
      ...{ name: 'us-east', bootstrap: addressesOf(region, 'SASL_PLAINTEXT') },
      sasl: { mechanism: 'PLAIN', username: 'agent', password: passwordOf('agent') },
    });
    await using stack = new AsyncDisposableStack();
    stack.defer(() => source.close());
    const told: ProducerIdsRecord[] = [];
    const keeper = new ProducerIdKeeper({
      link: { name: 'us-to-eu', source: { name: 'us-east', bootstrap: [] } },
      // The same counter: an id that is asked for later is higher.
      ...{ source, destination: admin, clock: systemClock, wantedAhead: 1, everyMs: 500 },
      roles: () => new Map(),
      keeperStore: () => ({
        entries: () => new Map(),
        put: async (entries) => void told.push(...([...entries.values()] as ProducerIdsRecord[])),
      }),
      onNotice: () => {},
    });
    stack.defer(() => keeper.stop());
    keeper.start();
    const reaches = (condition: () => unknown) =>
      waitFor(condition, { deadlineMs: 30_000, describe: () => JSON.stringify(told) });
    await reaches(() => told.at(-1)?.error);
    expect(told.at(-1)).toMatchObject({
      ...{ state: 'unknown', ahead: null },
      error: expect.stringContaining('--operation IdempotentWrite --cluster'),
    });
    const right = {
      operation: 'IDEMPOTENT_WRITE',
      permission: 'ALLOW',
      principal: 'User:agent',
      host: '*',
    } as const;
    const cluster = {
      resourceType: 'CLUSTER',
      resourceName: 'kafka-cluster',
      patternType: 'LITERAL',
    } as const;
    for (const outcome of await createAcls(admin, [{ ...right, ...cluster }])) unwrap(outcome);
    await reaches(() => told.at(-1)?.state === 'apart');
  });
});

async function connected(region: Parameters<typeof configOf>[0]): Promise<Cluster & AsyncDisposable> {
  const cluster = await Cluster.connect(configOf(region));
  return Object.assign(cluster, { [Symbol.asyncDispose]: async () => cluster.close() });
}
