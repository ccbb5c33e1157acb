// A region is lost with records, an open transaction, a transaction that the cut goes through and a group beyond the
// cut; the report says what is known. Then the region is back, and the report is what Kafka's Java consumer counts there.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { alterClientQuotas, Cluster, commitGroupOffsets, unwrap } from '../../src/client/index.ts';
import { type MoveRecord, recordVersion } from '../../src/control/index.ts';
import {
  completeLossReport,
  type LossReport,
  lossMarkdown,
  storedLosses,
  writeLossReport,
} from '../../src/failover/loss/index.ts';
import { groupNamed, openGroup } from '../../src/failover/open-group.ts';
import type { MoveContext, OpenGroup, OpenRegion } from '../../src/failover/types.ts';
import { loadTopology } from '../../src/topology/index.ts';
import { openFleet } from '../agent/running-fleet.ts';
import { configOf } from '../client/support.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const folder = useTemporaryFolder();
const oracle = useOracle();

describe.each([
  // Every transaction has an epoch of its own (KIP-890), so its parts are known for certain.
  { kafkaVersion: '4.3.1', matchedBy: 'epoch' },
  { kafkaVersion: '3.9.2', matchedBy: 'time' },
])('a source of Kafka $kafkaVersion', ({ kafkaVersion, matchedBy }) => {
  const regions = useRegions({ 'us-east': { kafkaVersion }, 'eu-west': {} });
  const us = () => regions['us-east'];
  const eu = () => regions['eu-west'];
  const [orders, bills] = [uniqueTopic('orders'), uniqueTopic('bills')];
  const linkConfig = { topics: [orders, bills], groups: ['readers'], sync: { groups: { every: '500ms' } } };
  /** So slow is the source read that a known tail is left when it dies, bytes a second. */
  const readingBytesPerSecond = 40_000;
  let file: string;

  beforeAll(async () => {
    file = path.join(folder.path, 'lockstep.yaml');
    const cluster = (region: ReturnType<typeof us>) => ({ bootstrap: region.bootstrap });
    const link = (source: string, destination: string) => ({ source, destination, ...linkConfig });
    const topology = {
      version: 1,
      clusters: { 'us-east': cluster(us()), 'eu-west': cluster(eu()) },
      links: { 'us-to-eu': link('us-east', 'eu-west'), 'eu-to-us': link('eu-west', 'us-east') },
      replicationGroups: { shop: { regions: ['us-east', 'eu-west'], primary: 'us-east' } },
    };
    await writeFile(file, JSON.stringify(topology));
    await oracle.createTopics(us(), [
      { name: orders, partitions: 3 },
      { name: bills, partitions: 1 },
    ]);
  });

  async function opened(): Promise<OpenGroup> {
    const topology = await loadTopology(file, { environment: {} });
    return openGroup(topology, groupNamed(topology, 'shop'), { by: 'test', onWarning: () => {} });
  }

  function contextOf(group: OpenGroup): Omit<MoveContext, 'note' | 'by'> {
    const home = group.regions.get('eu-west') as OpenRegion;
    const signal = new AbortController().signal;
    return { group, home, nowMs: Date.now, say: () => {}, signal };
  }

  const failover: MoveRecord = {
    ...{ v: recordVersion, id: 'f1', group: 'shop', kind: 'failover', from: 'us-east', to: 'eu-west' },
    ...{
      topics: null,
      by: 'ann@laptop',
      startedAtMs: Date.now(),
      changedAtMs: 0,
      revision: 0,
      state: 'running',
    },
    ...{ step: 'loss', done: [], rolesGeneration: 1, facts: {} },
  };

  async function readingAtMost(admin: Cluster, bytesPerSecond: number | null): Promise<void> {
    const changes = new Map([['consumer_byte_rate', bytesPerSecond]]);
    unwrap((await alterClientQuotas(admin, [{ entity: { 'client-id': null }, changes }]))[0]!);
  }

  const partitionOf = (report: LossReport, topic: string, partition: number) =>
    report.topics.find((each) => each.topic === topic)!.partitions[partition]!;
  const texts = (count: number, bytes: number) =>
    Array.from({ length: count }, (_, index) => `${index} `.padEnd(bytes, 'x'));
  const to = (topic: string, partition: number, values: readonly string[]) =>
    values.map((value) => ({ topic, partition, value }));

  test('a lost region: what is known, and later what Kafka’s consumer counts', {
    timeout: 240_000,
  }, async () => {
    const workload = oracle.workload(us());
    await using fleet = await openFleet(eu());
    const { agent } = await fleet.start('a');
    const source = { name: 'us-east', bootstrap: us().bootstrap };
    const declared = { name: 'us-to-eu', source, destination: 'eu-west', config: linkConfig };
    await fleet.done({ do: 'createLink', link: declared });
    await workload.produce({
      producer: 'base',
      records: [0, 1, 2]
        .flatMap((partition) => to(orders, partition, texts(50, 20)))
        .concat(to(bills, 0, texts(20, 20))),
    });
    const status = (topic: string, partition: number) =>
      fleet.state.statuses.get(`us-to-eu/${topic}/${partition}`);
    await fleet.reaches(
      'everything to be mirrored',
      ({ statuses }) =>
        statuses.size === 4 && [...statuses.values()].every(({ mirrorEnd }) => Number(mirrorEnd) >= 20),
    );

    // A transaction on two partitions, of which one is not copied any more; one that is lost as a whole.
    await fleet.done({ do: 'pauseMirrors', link: 'us-to-eu', topics: [bills] });
    await fleet.reaches('nobody to copy bills', () => status(bills, 0)?.state === 'Stopped');
    const transaction = (
      producer: string,
      end: 'commit' | 'abort' | 'open',
      records: ReturnType<typeof to>,
    ) => workload.transaction({ producer, end, records });
    await transaction('split', 'commit', [...to(orders, 1, ['1', '2']), ...to(bills, 0, ['1', '2', '3'])]);
    await transaction('gone', 'commit', to(bills, 0, ['4', '5']));
    await transaction('undone', 'abort', to(bills, 0, ['6', '7']));
    await fleet.reaches('its part on orders to be copied', () => Number(status(orders, 1)?.mirrorEnd) >= 52);
    await transaction('open', 'open', to(orders, 1, ['3', '4', '5', '6']));
    await fleet.reaches(
      'the open transaction to be noted',
      () => status(orders, 1)?.sourceSeen?.undecided?.transactionalId === 'open',
    );

    // The source is read slowly, and is lost in the midst of it.
    const admin = await Cluster.connect(configOf(us()));
    await readingAtMost(admin, readingBytesPerSecond);
    const written = await workload.produce({ producer: 'tail', records: to(orders, 0, texts(3_000, 1_000)) });
    const end = written.at(-1)![2] + 1;
    const committed = await commitGroupOffsets(admin, 'readers', [
      { topic: orders, partition: 0, offset: BigInt(end - 10) },
      { topic: orders, partition: 2, offset: 30n },
    ]);
    for (const { outcome } of committed) unwrap(outcome);
    await fleet.reaches('a tail to be known', () => {
      const { sourceSeen, mirrorEnd } = status(orders, 0) ?? {};
      return sourceSeen?.end === String(end) && Number(mirrorEnd) < end - 20;
    });
    admin.close();
    await waitFor(
      () => JSON.stringify(agent.view().links[0]?.groups?.groups ?? []).includes(`"${end - 10}"`),
      {
        deadlineMs: 20_000,
        describe: () => 'the keeper of the groups to hear of the position',
      },
    );
    await us().kill();
    await workload.close('open', { isCrash: true });
    await fleet.done({
      do: 'promoteMirrors',
      link: 'us-to-eu',
      topics: null,
      isNow: true,
      timeoutMs: 30_000,
    });

    let known: LossReport;
    {
      await using group = await opened();
      expect(group.regions.get('us-east')!.cluster).toBeNull();
      known = await writeLossReport(contextOf(group), failover);
      expect(storedLosses(group)[0]!.report).toEqual(known);
      expect(await completeLossReport(contextOf(group), failover)).toEqual([known]);
    }
    const tail = partitionOf(known, orders, 0);
    expect(Number(tail.cutOffset)).toBeLessThan(end);
    expect(tail).toMatchObject({
      sourceEnd: String(end),
      missing: String(end - Number(tail.cutOffset)),
      exact: null,
    });
    // Zero where an agent looked again while nobody wrote any more.
    expect(tail.perSecond).toBe(status(orders, 0)!.sourceSeen!.perSecond);
    expect(tail.perSecond).toBeGreaterThanOrEqual(0);
    expect(partitionOf(known, orders, 2)).toMatchObject({ cutOffset: '50', missing: '0' });
    const open = partitionOf(known, orders, 1);
    expect(open.undecided).toMatchObject({ from: open.cutOffset, transactionalId: 'open' });
    expect(Number(open.undecided!.to) - Number(open.undecided!.from)).toBe(4);
    // Nobody read bills when the source died.
    expect(partitionOf(known, bills, 0)).toMatchObject({ cutOffset: '20', sourceEnd: '20', missing: '0' });
    expect(known.summary).toMatchObject({ completedAtMs: null, transactionsLostCount: null });
    expect(known.summary.transactions).toMatchObject([
      { kind: 'undecided', transactionalId: 'open', outcome: null, here: null },
    ]);
    const gone = String(end - 10 - Number(tail.cutOffset));
    const behind = {
      group: 'readers',
      topic: orders,
      partition: 0,
      was: String(end - 10),
      is: tail.cutOffset,
      gone,
    };
    expect(known.summary.groups).toEqual([
      { ...behind, again: '0', isExact: false, heardAtMs: expect.any(Number) },
    ]);
    const shown = await lockstepCommand('loss', file);
    expect(shown).toMatchObject({ exitCode: 0 });
    expect(shown.stdout).toContain('not complete: us-east has not been read since');
    expect(shown.stderr).toContain('us-east does not answer');

    // The region is back.
    await us().start();
    await waitFor(async () => (await oracle.ends(us(), bills).catch(() => [])).length === 1, {
      deadlineMs: 60_000,
      describe: () => 'the lost region to be back',
    });
    const back = await Cluster.connect(configOf(us()));
    await readingAtMost(back, null);
    back.close();
    const completed = await lockstepCommand('loss', file, '--json');
    expect(completed).toMatchObject({ exitCode: 0 });
    await using group = await opened();
    const { report } = storedLosses(group)[0]!;
    expect(JSON.parse(completed.stdout).summary).toEqual(report.summary);
    expect(report.summary.completedAtMs).not.toBeNull();
    for (const { topic, partitions } of report.topics)
      for (const { partition, cutOffset, exact } of partitions) {
        const from = Number(cutOffset);
        const read = await oracle.read({
          ...{ region: us(), topic, partition, from, isolation: 'read_committed', recordsMax: 10_000 },
        });
        const [ends] = (await oracle.ends(us(), topic)).filter((each) => each.partition === partition);
        expect([topic, partition, exact!.records]).toEqual([topic, partition, String(read.records.length)]);
        expect(exact!.end).toBe(String(ends!.highWatermark));
        expect(Number(exact!.undecidedOffsets)).toBe(
          ends!.highWatermark - Math.max(from, ends!.lastStableOffset),
        );
      }
    expect(partitionOf(report, bills, 0).exact).toMatchObject({ records: '5', abortedRecords: '2' });
    expect(report.summary.transactionsLostCount).toBe(1);
    expect(report.summary.transactions).toMatchObject([
      {
        ...{ kind: 'split', transactionalId: 'split', outcome: 'committed', matchedBy },
        ...{ here: [`${orders}-1`], missing: [`${bills}-0 from 20`] },
      },
      { kind: 'undecided', transactionalId: 'open', outcome: expect.stringMatching(/open|aborted/) },
    ]);
    expect(report.summary.groups).toEqual([{ ...behind, again: '0', isExact: true, heardAtMs: null }]);
    expect(lossMarkdown(report)).toContain('Complete: read from us-east itself');
    // Complete is complete: the region may go on, or be gone.
    expect(await completeLossReport(contextOf(group), failover)).toEqual([report]);
  });
});
