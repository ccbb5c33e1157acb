// One mirror is promoted as planned, another when the source is lost under load.
import { expect } from 'vitest';
import { expectNoGap, reads, type Traveller, untilSynced } from './moving-groups.ts';
import { expectMirrorRights, expectPromotedRights } from './rights-probes.ts';
import { bothSides, type Story, show } from './story.ts';
import { link } from './story-fleet.ts';
import type { LoadedTopic } from './story-load.ts';

/** Three rounds of the load: the one that the loss of the source cut off, and its neighbours. */
const unheardCountMax = 15;

export interface Promoted {
  readonly topic: LoadedTopic;
  /** Groups on it, which have read at the source. */
  readonly groups: readonly Traveller[];
  /** A mirror that stays one. */
  readonly other: LoadedTopic;
}

/** Writes stop, everything comes over, and with the last sync the positions: nothing is read twice. */
export async function plannedPromotion(story: Story, { topic, groups, other }: Promoted): Promise<void> {
  const { load, fleet, oracle, regions } = story;
  await expectMirrorRights(story, topic.name, other.name);
  const syncGroupsEvery = (interval: string) =>
    fleet.json('links', 'alter', link, '--set', `sync.groups.every=${interval}`);
  await syncGroupsEvery('1h');
  await Promise.all(groups.map((group) => reads(group, regions['us-east'], 50)));
  await load.remove(topic);
  const { promoted } = await fleet.json(
    ...['mirrors', 'promote', '--link', link, topic.name, '--timeout', '2min'],
  );
  expect(promoted).toMatchObject([{ topic: topic.name }]);
  expect(promoted[0].partitions).toHaveLength(topic.partitions);
  for (const { cutOffset, sourceEnd, missingRecords, isReplicated } of promoted[0].partitions)
    expect({ cutOffset, missingRecords, isReplicated }).toEqual({
      ...{ cutOffset: sourceEnd, missingRecords: 0, isReplicated: true },
    });
  // Closing markers stand behind the cut.
  await oracle.expectSame({ ...bothSides(story), topic: topic.name, isGrowing: true });
  await Promise.all(groups.map((group) => reads(group, regions['eu-west'], 100)));
  for (const group of groups) expectNoGap(group, 0);
  await syncGroupsEvery('1s');
  await expectPromotedRights(story, topic.name);
  await expectMirrorRights(story, other.name);
}

/** What a group has read since its positions were synced comes again, no more; and what is there is what was written. */
export async function failover(story: Story, { topic, groups, other }: Promoted): Promise<void> {
  const { load, fleet, regions, admins } = story;
  const unsyncedCount = 50;
  load.start();
  await untilSynced(
    groups.map(({ group }) => group),
    admins,
  );
  await Promise.all(groups.map((group) => reads(group, regions['us-east'], unsyncedCount)));
  await load.roundEnds();
  load.abandon();
  await regions['us-east'].kill();
  const { promoted } = await fleet.json(
    ...['mirrors', 'promote', '--link', link, topic.name, '--now', '--yes'],
  );
  show({ promoted: promoted[0].partitions });
  expect(promoted).toMatchObject([{ topic: topic.name }]);
  expect(promoted[0].partitions).toHaveLength(topic.partitions);
  for (const { partition, cutOffset } of promoted[0].partitions)
    await expectAsWritten(story, topic.name, partition, cutOffset);
  await Promise.all(groups.map((group) => reads(group, regions['eu-west'], 200)));
  for (const group of groups) expectNoGap(group, unsyncedCount);
  await expectPromotedRights(story, topic.name);
  await expectMirrorRights(story, other.name);
}

/** Below the cut every offset holds the record that the source's producer was told to have written there. */
async function expectAsWritten(
  story: Story,
  topic: string,
  partition: number,
  cutOffset: number,
): Promise<void> {
  const { oracle, load } = story;
  const { destination } = bothSides(story);
  const log = await oracle.read({ region: destination, topic, partition, isolation: 'read_committed' });
  const offsets = log.records.map(({ offset }) => offset);
  expect(offsets).toEqual(Array.from({ length: cutOffset }, (_, offset) => offset));
  let unheardCount = 0;
  for (const { offset, value } of log.records) {
    const written = load.written.get(`${topic}/${partition}/${offset}`);
    if (written === undefined) unheardCount += 1;
    else expect(String(value)).toBe(written);
  }
  expect(unheardCount, 'what was copied before its producer heard of it').toBeLessThan(unheardCountMax);
  show({ partition, cutOffset, unheardCount });
}
