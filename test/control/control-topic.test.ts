// The control topic on real brokers of two versions: following, being quick and cheap, garbage, a wrong policy, and the
// topic's loss under those who use it.
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import {
  Cluster,
  type Connection,
  createTopics,
  deleteRecords,
  deleteTopics,
  describeConfigs,
  incrementalAlterConfigs,
  kafkaFailure,
  unwrap,
} from '../../src/client/index.ts';
import { ControlTopic, controlTopic, LeaderWriter } from '../../src/control/index.ts';
import { testAgent, testLink, testMirror, testStatus } from '../../src/control/test-records.ts';
import { configOf, useClusters } from '../client/support.ts';
import { kcatConsume, kcatProduce } from '../support/kcat.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { deleteControlTopic, one, openControl } from './support.ts';

const regions = useRegions({ newest: {}, oldest: { kafkaVersion: '3.9.2' } });
const admins = useClusters(regions);

describe.each(['newest', 'oldest'] as const)('on the %s broker', (name) => {
  beforeEach(() => deleteControlTopic(admins[name]));

  test('is created compacted, of one partition and with small segments; not by who may not', async () => {
    const reader = await openControl(regions[name], { mayCreate: false });
    expect((await admins[name].metadata({ topics: [controlTopic] })).topics.has(controlTopic)).toBe(false);
    expect(reader.control.state.links.size).toBe(0);
    await expect(reader.control.put(one('agent/a', testAgent('a')))).rejects.toThrow('does not exist');

    const { control } = await openControl(regions[name]);
    const { topics } = await admins[name].metadata({ topics: [controlTopic] });
    expect(topics.get(controlTopic)?.partitions).toHaveLength(1);
    const [described] = await describeConfigs(admins[name], [{ type: 'topic', name: controlTopic }]);
    const configs = unwrap(described!.outcome);
    expect(configs.get('cleanup.policy')?.value).toBe('compact');
    expect(Number(configs.get('segment.bytes')?.value)).toBe(4 * 1024 * 1024);
    await control.put(one('agent/a', testAgent('a')));
    await waitFor(() => reader.control.state.agents.has('a'), {
      deadlineMs: 10_000,
      describe: 'the topic that came later to be found',
    });
    expect(reader.warnings).toEqual([]);
  });

  test('a cluster that lists the new topic late is waited for', async () => {
    const cluster = await Cluster.connect(configOf(regions[name]));
    onTestFinished(() => cluster.close());
    const { retry } = cluster;
    let unlisted = 2;
    cluster.retry = ((...args: Parameters<typeof retry>) => {
      if (unlisted-- <= 0) return retry.apply(cluster, args);
      const what = 'finding the leader of __lockstep-0';
      return Promise.reject(kafkaFailure(3, { cluster: cluster.name, what }));
    }) as typeof retry;
    const control = await ControlTopic.open(cluster, { mayCreate: true, onWarning: () => {} });
    onTestFinished(() => control.close());
    await control.put(one('agent/a', testAgent('a')));
    expect(unlisted).toBeLessThan(0);
  });

  test('everybody sees what was put, in order, at once; who comes later sees the same', async () => {
    const [writer, reader] = [await openControl(regions[name]), await openControl(regions[name])];
    const seen: string[] = [];
    const delaysMs: number[] = [];
    let putAtMs = 0;
    reader.control.onChange((changes) => {
      delaysMs.push(performance.now() - putAtMs);
      for (const { key, value, former } of changes) {
        seen.push(`${key} ${value === null ? 'gone' : (value as { partitionCount: number }).partitionCount}`);
        expect(former === undefined).toBe(seen.length === 1);
      }
    });
    for (let count = 0; count < 30; count += 1) {
      putAtMs = performance.now();
      const offset = await writer.control.put(one('agent/a', { ...testAgent('a'), partitionCount: count }));
      await reader.control.until(offset);
      await writer.control.until(offset);
      expect(writer.control.state.agents.get('a')?.partitionCount).toBe(count);
    }
    await reader.control.until(await writer.control.put(one('agent/a', null)));
    expect(seen).toEqual([...Array.from({ length: 30 }, (_, i) => `agent/a ${i}`), 'agent/a gone']);
    // Half of them within milliseconds, on a machine that has other things to do.
    expect(delaysMs.toSorted((a, b) => a - b)[15]).toBeLessThan(100);
    await writer.control.put(one('status/us-to-eu/orders/0', testStatus()));
    const late = await openControl(regions[name]);
    expect([...late.control.state.statuses.keys()]).toEqual(['us-to-eu/orders/0']);
    expect(late.control.state.agents.size).toBe(0);
  });

  test('values that are put at the same time are in the log in the order of the calls', async () => {
    const { control } = await openControl(regions[name]);
    const offsets = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        control.put(one('agent/a', { ...testAgent('a'), partitionCount: i })),
      ),
    );
    expect(offsets).toEqual(offsets.toSorted((a, b) => Number(a - b)));
    await control.refresh();
    expect(control.state.agents.get('a')?.partitionCount).toBe(49);
  });

  test('an idle reader asks about every five seconds only', async () => {
    const opened: { cluster: Cluster; connection: Connection }[] = [];
    const open = Cluster.prototype.openConnection;
    Cluster.prototype.openConnection = async function (...args) {
      const connection = await open.apply(this, args);
      opened.push({ cluster: this, connection });
      return connection;
    };
    onTestFinished(() => {
      Cluster.prototype.openConnection = open;
    });
    const { control } = await openControl(regions[name]);
    const idle = await openControl(regions[name]);
    await idle.control.until(await control.put(one('agent/a', testAgent('a'))));
    const [{ connection }] = opened.filter(({ cluster }) => cluster === idle.cluster) as [(typeof opened)[0]];
    const before = connection.statistics().sentCount;
    const startMs = performance.now();
    await waitFor(() => connection.statistics().sentCount >= before + 2, {
      deadlineMs: 15_000,
      describe: 'two more requests',
    });
    expect(performance.now() - startMs).toBeGreaterThan(4_000);
  });

  test('large values, and many at once, come in several batches', async () => {
    const { control } = await openControl(regions[name]);
    const value = (n: number) => ({ ...testStatus(), reason: 'x'.repeat(300_000), mirrorEnd: String(n) });
    const large = Array.from({ length: 6 }, (_, n) => [`status/us-to-eu/large/${n}`, value(n)] as const);
    const many = Array.from(
      { length: 3_000 },
      (_, n) => [`status/us-to-eu/many/${n}`, testStatus()] as const,
    );
    await control.put(new Map([...large, ...many]));
    const { control: late } = await openControl(regions[name]);
    expect(late.state.statuses.size).toBe(3_006);
    expect(late.state.statuses.get('us-to-eu/large/5')?.mirrorEnd).toBe('5');
  });

  test('garbage of any producer is warned of, left in the topic, and stops nobody', async () => {
    const { control } = await openControl(regions[name]);
    const leader = await LeaderWriter.take(control);
    await leader.write(one('link/us-to-eu', testLink()));
    await kcatProduce({
      bootstrap: regions[name].bootstrap,
      topic: controlTopic,
      records: [
        { key: 'link/garbage', value: '{"v":1' },
        { key: 'mirror/us-to-eu/newer', value: '{"v":9,"what":"ever"}' },
        { key: '', value: 'x' },
        { key: 'status/\u0000\u00ff', value: '[]' },
        { key: 'nobody/knows', value: 'plain text' },
      ],
      config: { 'compression.codec': 'snappy' },
    });
    await control.refresh();
    expect(control.state.warnings).toHaveLength(5);
    expect([...control.state.foreign.keys()]).toEqual(['mirror/us-to-eu/newer']);
    await expect(leader.write(one('mirror/us-to-eu/newer', testMirror('newer')))).rejects.toMatchObject({
      code: 'UNSUPPORTED_VERSION',
    });
    await leader.write(one('link/us-to-eu', { ...testLink(), generation: 2 }));
    expect(control.state.links.get('us-to-eu')?.generation).toBe(2);
    const { control: late } = await openControl(regions[name]);
    expect(late.state.warnings).toEqual(control.state.warnings);
    const kept = await kcatConsume({ bootstrap: regions[name].bootstrap, topic: controlTopic });
    expect(kept.map(({ key }) => key)).toContain('mirror/us-to-eu/newer');
    // Whoever leads puts it right.
    await leader.write(one('link/garbage', null));
    expect(control.state.warnings).toHaveLength(4);
  });

  test('what only the leader may write is refused before it is sent', async () => {
    const { control } = await openControl(regions[name]);
    for (const key of ['link/x', 'mirror/x/y', 'answer/x', 'acl/x/1', 'group/x/y'])
      await expect(control.put(one(key, null))).rejects.toThrow('leader');
  });

  test('a topic with another cleanup.policy is refused with the command; set later, there is a warning', async () => {
    unwrap(
      (await createTopics(admins[name], [{ name: controlTopic, partitionCount: 1 }])).get(controlTopic)!,
    );
    await expect(openControl(regions[name])).rejects.toThrow('--add-config cleanup.policy=compact');
    const watching = await openControl(regions[name], { mayCreate: false });
    expect(watching.warnings.join()).toContain('cleanup.policy=delete');
    await alterPolicy(admins[name], 'compact');
    await waitFor(() => openControl(regions[name]), {
      deadlineMs: 10_000,
      describe: 'the policy to be right',
    });
  });

  test('deleted under its users: they keep what they know, and the leader writes it anew', async () => {
    const [leading, other] = [await openControl(regions[name]), await openControl(regions[name])];
    const leader = await LeaderWriter.take(leading.control);
    await leader.write(
      new Map<string, object>([
        ['link/us-to-eu', testLink()],
        ['mirror/us-to-eu/orders', testMirror()],
        ['acl/us-to-eu/1', { rule: 1 }],
        ['mirror/us-to-eu/newer', testMirror('newer')],
      ]),
    );
    const shift = await other.control.putIfAbsent('shift/us-to-eu/orders/0', '{"k":"5"}', () => true);
    await other.control.put(one('agent/gone', testAgent('gone')));
    await leading.control.refresh();
    const former = [...leading.control.state.entries('')].sort();

    const told = new Promise<void>((resolve) => leading.control.onRecreated(resolve));
    await deleteUnderItsUsers(admins[name]);
    await told;
    await waitFor(() => other.control.needsRestore, { deadlineMs: 20_000, describe: 'the other to notice' });
    expect([...leading.control.state.entries('')].sort()).toEqual(former);
    expect(other.control.first('shift/us-to-eu/orders/0', () => true)).toBe(shift);
    await leader.restore();
    expect(leading.control.needsRestore).toBe(false);
    await waitFor(() => !other.control.needsRestore, { deadlineMs: 20_000, describe: 'the mark to be read' });
    const { control: late } = await openControl(regions[name]);
    for (const state of [leading.control.state, other.control.state, late.state]) {
      const entries = [...state.entries('')].filter(([key]) => key !== 'restored').sort();
      expect(entries).toEqual(former);
    }
    expect(late.first('shift/us-to-eu/orders/0', () => true)).toBe(shift);
    expect(leading.warnings.join('\n')).toMatch(/was deleted|was created anew/);
    // And life goes on.
    await leader.write(one('link/us-to-eu', null));
    await waitFor(() => other.control.state.links.size === 0, {
      deadlineMs: 5_000,
      describe: 'the next change',
    });
  });

  test('a key that is not in the restored topic is gone for everybody', async () => {
    const [leading, other] = [await openControl(regions[name]), await openControl(regions[name])];
    const leader = await LeaderWriter.take(leading.control);
    await leader.write(one('link/us-to-eu', testLink()));
    await other.control.until(await other.control.put(one('agent/a', testAgent('a'))));
    await leading.control.refresh();
    await deleteUnderItsUsers(admins[name]);
    for (const { control } of [leading, other])
      await waitFor(() => control.needsRestore, { deadlineMs: 20_000, describe: 'the loss to be noticed' });
    const removed: string[] = [];
    other.control.onChange((changes) =>
      removed.push(...changes.filter(({ value }) => value === null).map(({ key }) => key)),
    );
    await leading.control.put(one('agent/a', null));
    await leading.control.refresh();
    await leader.restore();
    await waitFor(() => !other.control.needsRestore, { deadlineMs: 20_000, describe: 'the mark to be read' });
    expect(removed).toContain('agent/a');
    expect([...other.control.state.links.keys()]).toEqual(['us-to-eu']);
    expect(other.control.state.agents.size).toBe(0);
  });

  test('a log that starts above 0 is read from where it starts', async () => {
    const { control } = await openControl(regions[name]);
    const leader = await LeaderWriter.take(control);
    await leader.write(one('link/us-to-eu', testLink()));
    const beforeOffset = (await control.put(one('agent/a', testAgent('a')))) + 1n;
    await alterPolicy(admins[name], 'compact,delete');
    await waitFor(
      async () => {
        const [cut] = await deleteRecords(admins[name], [
          { topic: controlTopic, partition: 0, beforeOffset },
        ]);
        return cut!.outcome.ok;
      },
      { deadlineMs: 10_000, describe: 'the records to be cut off' },
    );
    await alterPolicy(admins[name], 'compact');
    await leader.write(one('mirror/us-to-eu/orders', testMirror()));
    const late = await waitFor(() => openControl(regions[name]), {
      deadlineMs: 10_000,
      describe: 'the policy to be right',
    });
    expect([...late.control.state.entries('')].map(([key]) => key)).toEqual(['mirror/us-to-eu/orders']);
    expect(control.state.links.size).toBe(1);
  });

  test('close ends what waits', async () => {
    const { control } = await openControl(regions[name]);
    const waiting = control.until(1_000_000n);
    await Promise.all([
      control.close(),
      expect(waiting).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' }),
    ]);
    await expect(control.until(1_000_000n)).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
  });
});

async function alterPolicy(admin: Cluster, value: string): Promise<void> {
  const change = { operation: 'set', name: 'cleanup.policy', value } as const;
  const resource = { type: 'topic', name: controlTopic } as const;
  const [altered] = await incrementalAlterConfigs(admin, [{ resource, changes: [change] }]);
  unwrap(altered!.outcome);
}

/** Those who use it may create it again at once, so there is no waiting for it to be gone. */
async function deleteUnderItsUsers(admin: Cluster): Promise<void> {
  unwrap((await deleteTopics(admin, [controlTopic])).get(controlTopic)!);
}

test('a cluster that can not be reached fails the opening', async () => {
  const cluster = await Cluster.connect(configOf(regions.newest));
  cluster.close();
  await expect(ControlTopic.open(cluster, { mayCreate: true, onWarning: () => {} })).rejects.toMatchObject({
    code: 'CONNECTION_CLOSED',
  });
});
