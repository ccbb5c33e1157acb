// Who leads the fleet writes, and nobody else: takeovers, half-open transactions and lost producer state, on brokers of
// transaction version 1 and 2.
import { beforeEach, describe, expect, test } from 'vitest';
import {
  addPartitionsToTransaction,
  describeTransactions,
  initTransactions,
} from '../../src/client/index.ts';
import { controlTopic, LeaderWriter } from '../../src/control/index.ts';
import { leaderTransactionalId } from '../../src/control/leader-writer.ts';
import { appendBatch, recordsOf } from '../../src/control/log.ts';
import { testAgent, testLink, testMirror } from '../../src/control/test-records.ts';
import { useClusters } from '../client/support.ts';
import { kcatConsume } from '../support/kcat.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { deleteControlTopic, one, openControl } from './support.ts';

const regions = useRegions({ newest: {}, oldest: { kafkaVersion: '3.9.2' } });
const admins = useClusters(regions);

describe.each(['newest', 'oldest'] as const)('on the %s broker', (name) => {
  beforeEach(() => deleteControlTopic(admins[name]));

  test('a write is there when it resolves, all of it at once, for every reader', async () => {
    const [leading, other] = [await openControl(regions[name]), await openControl(regions[name])];
    const leader = await LeaderWriter.take(leading.control);
    const seen: number[] = [];
    await other.control.refresh();
    other.control.onChange((changes) => seen.push(changes.length));
    for (let generation = 1; generation <= 5; generation += 1) {
      await leader.write(
        new Map<string, object>([
          ['link/us-to-eu', { ...testLink(), generation }],
          ['mirror/us-to-eu/orders', testMirror('orders', generation)],
        ]),
      );
      expect(leading.control.state.links.get('us-to-eu')?.generation).toBe(generation);
      expect(leading.control.state.mirrors.get('us-to-eu/orders')?.partitionCount).toBe(generation);
    }
    await other.control.refresh();
    expect(seen).toEqual([2, 2, 2, 2, 2]);
  });

  test('writes made at the same time keep their order', async () => {
    const { control } = await openControl(regions[name]);
    const leader = await LeaderWriter.take(control);
    await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        leader.write(one('link/us-to-eu', { ...testLink(), generation: i })),
      ),
    );
    expect(control.state.links.get('us-to-eu')?.generation).toBe(99);
    await leader.write(new Map());
  });

  test('a write larger than one batch is one transaction', async () => {
    const [leading, other] = [await openControl(regions[name]), await openControl(regions[name])];
    const leader = await LeaderWriter.take(leading.control);
    const mirrors = Array.from({ length: 3_000 }, (_, i) => testMirror(`topic-${i}`));
    await leader.write(new Map(mirrors.map((mirror) => [`mirror/us-to-eu/${mirror.sourceTopic}`, mirror])));
    expect(leading.control.state.mirrors.size).toBe(3_000);
    await other.control.refresh();
    expect(other.control.state.mirrors.size).toBe(3_000);
  });

  test('the former leader is fenced, for good, and the new one goes on', async () => {
    const [former, next] = [await openControl(regions[name]), await openControl(regions[name])];
    const formerLeader = await LeaderWriter.take(former.control);
    await formerLeader.write(one('link/us-to-eu', testLink()));
    const leader = await LeaderWriter.take(next.control);
    expect(next.control.state.links.size).toBe(1);
    const refused = { code: 'FENCED' };
    await expect(formerLeader.write(one('link/us-to-eu', null))).rejects.toMatchObject(refused);
    expect(formerLeader.isFenced).toBe(true);
    await leader.write(one('mirror/us-to-eu/orders', testMirror()));
    await expect(formerLeader.write(one('link/us-to-eu', null))).rejects.toMatchObject(refused);
    // What it failed at has not shaken the new leader, and was never seen.
    await leader.write(one('mirror/us-to-eu/orders', testMirror('orders', 5)));
    await former.control.refresh();
    for (const { control } of [former, next]) {
      expect(control.state.links.size).toBe(1);
      expect(control.state.mirrors.get('us-to-eu/orders')?.partitionCount).toBe(5);
    }
  });

  test('what a former leader had in an open transaction is aborted by the next, and never seen', async () => {
    const { control, cluster } = await openControl(regions[name]);
    const leader = await LeaderWriter.take(control);
    await leader.write(one('link/us-to-eu', testLink()));
    // A leader that dies between its append and its commit.
    const producer = await initTransactions(cluster, leaderTransactionalId);
    const partitions = [{ topic: controlTopic, partition: 0 }];
    await addPartitionsToTransaction(cluster, leaderTransactionalId, producer, partitions);
    const [records] = recordsOf([['link/us-to-eu', null]], Date.now());
    await appendBatch(cluster, records!, {
      transactionalId: leaderTransactionalId,
      producer,
      baseSequence: 0,
    });
    // It holds everybody back: nothing behind it is read, nothing of it is.
    const held = await control.put(one('agent/a', testAgent('a')));
    await expect(control.until(held, { timeoutMs: 700 })).rejects.toMatchObject({
      code: 'REQUEST_TIMED_OUT',
    });
    const next = await openControl(regions[name]);
    expect(next.control.state.links.size).toBe(1);
    const nextLeader = await LeaderWriter.take(next.control);
    await control.until(held);
    await nextLeader.write(one('mirror/us-to-eu/orders', testMirror()));
    for (const state of [control.state, next.control.state]) {
      expect(state.links.size).toBe(1);
      expect(state.agents.size).toBe(1);
    }
    const late = await openControl(regions[name]);
    expect(late.control.state.links.size).toBe(1);
    // librdkafka, read_committed by default, agrees.
    const plain = await kcatConsume({ bootstrap: regions[name].bootstrap, topic: controlTopic });
    expect(plain.filter(({ value }) => value === null)).toEqual([]);
    await expect(leader.write(one('link/us-to-eu', null))).rejects.toMatchObject({ code: 'FENCED' });
  });

  test('a write that was given up halfway is not committed with the next one', async () => {
    const { control } = await openControl(regions[name]);
    const leader = await LeaderWriter.take(control);
    const halfway = new Map<string, object>([
      ['acl/us-to-eu/1', { text: 'x'.repeat(300_000) }],
      ['acl/us-to-eu/2', { text: 'x'.repeat(6_000_000) }],
    ]);
    await expect(leader.write(halfway)).rejects.toMatchObject({ code: 'KAFKA_ERROR' });
    // Old brokers take the aborting of our own transaction for another leader; who still leads takes the pen again.
    const goesOn = await leader.settle().then(
      () => leader,
      () => LeaderWriter.take(control),
    );
    await goesOn.write(one('link/us-to-eu', testLink()));
    await control.refresh();
    expect([...control.state.entries('acl/').keys()]).toEqual([]);
    expect(control.state.links.size).toBe(1);
  });

  test('a leader whose producer is disturbed, but not taken over, mends itself', async () => {
    const { control, cluster } = await openControl(regions[name]);
    const leader = await LeaderWriter.take(control);
    await leader.write(one('link/us-to-eu', testLink()));
    // The topic is deleted: the new log knows nothing of its sequences.
    const recreated = new Promise<void>((resolve) => control.onRecreated(resolve));
    await deleteControlTopic(cluster).catch(() => {});
    await recreated;
    await leader.restore();
    await leader.write(one('link/us-to-eu', { ...testLink(), generation: 2 }));
    expect(control.state.links.get('us-to-eu')?.generation).toBe(2);
    const [described] = [...(await describeTransactions(cluster, [leaderTransactionalId])).values()];
    expect(described).toBeDefined();
  });

  test('of ten that take over at the same time the last one writes, and nine are fenced', async () => {
    const opened = await Promise.all(Array.from({ length: 10 }, () => openControl(regions[name])));
    // Who is fenced hears of it when it takes the pen, or when it writes.
    const results = await Promise.allSettled(
      opened.map(async ({ control }, i) => {
        const leader = await LeaderWriter.take(control);
        await leader.write(one('link/us-to-eu', { ...testLink(), generation: i }));
      }),
    );
    // Some may have written before the next one took over.
    const done = results.flatMap(({ status }, i) => (status === 'fulfilled' ? [i] : []));
    expect(done.length).toBeGreaterThan(0);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'FENCED' });
    for (const { control } of opened) {
      await control.refresh();
      expect(done).toContain(control.state.links.get('us-to-eu')?.generation);
    }
  });
});
