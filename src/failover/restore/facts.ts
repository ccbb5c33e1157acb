// What a restore keeps in its move's record, so that another process can go on with it. A record has to fit into one
// message of the control topic, so topics that continue where they are are not named.
import type { MoveRecord } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { historyOf } from './cost.ts';
import type { DivergedMirror } from './diverged.ts';
import { type HistoryChoice, historyChoices, type RestorePlan } from './types.ts';

/** What a person chose and confirmed. */
export interface RestoreOptions {
  readonly history: HistoryChoice;
  /** Everything in front of the cut is compared, rather than a window. */
  readonly comparesAll: boolean;
  /** Topics that may be deleted at the restored region. */
  readonly confirmed: readonly string[];
  /** Mirrors that were `Diverged` when it began. Default: none. */
  readonly diverged?: readonly DivergedMirror[];
}

export interface FoundTail {
  readonly partition: number;
  readonly partingOffset: bigint;
}

export interface FoundTopic {
  readonly topic: string;
  /** Of the topic that is to be deleted; null: there is none. */
  readonly topicId: string | null;
  /** Of the topic at the new primary. */
  readonly homeTopicId: string | null;
  /** Where its tails go; null: there is no topic. */
  readonly savedTo: string | null;
  /** All partitions of the topic that is to be deleted: what may come to one that has no tail yet is saved, too. */
  readonly tails: readonly FoundTail[];
  /** First offsets to be copied, by partition; null: all. */
  readonly beginsAt: readonly bigint[] | null;
}

/** With partitions that were added since it was looked at: whatever they hold is only there. */
export function grownTo(topic: FoundTopic, partitionCount: number): FoundTopic {
  const known = new Set(topic.tails.map(({ partition }) => partition));
  const added = Array.from({ length: partitionCount }, (_, partition) => partition)
    .filter((partition) => !known.has(partition))
    .map((partition): FoundTail => ({ partition, partingOffset: 0n }));
  return added.length === 0 ? topic : { ...topic, tails: [...topic.tails, ...added] };
}

/** What the first step found. */
export interface Found {
  /** Topics that are copied again, or for the first time. */
  readonly copied: readonly FoundTopic[];
  /** Topics that wait on, since the new primary does not have them. */
  readonly leftAlone: readonly string[];
  /** How many topics continue where they are. */
  readonly continuing: number;
}

/** A tail that was shown to be saved. */
export interface VerifiedTail {
  readonly topic: string;
  readonly partition: number;
  readonly logEnd: bigint;
  readonly records: bigint;
}

/** @throws LockstepError INTERNAL for a move that was begun without them. */
export function optionsOf(move: MoveRecord): RestoreOptions {
  const { options } = move.facts as { options?: RestoreOptions };
  if (options !== undefined && historyChoices.includes(options.history)) return options;
  throw lacking(move, 'options');
}

/** Mirrors that somebody else had written to. */
export function divergedOf(move: MoveRecord): readonly DivergedMirror[] {
  return optionsOf(move).diverged ?? [];
}

export function foundIn(plan: RestorePlan, history: HistoryChoice): Found {
  const copied = plan.topics.filter(({ fate }) => fate === 'copyAgain' || fate === 'copyAnew');
  return {
    copied: copied.map((topic) => ({
      ...{ topic: topic.topic, topicId: topic.topicId, homeTopicId: topic.homeTopicId },
      savedTo: topic.savedTo,
      tails: topic.partitions.map(({ partition, partingOffset }) => ({ partition, partingOffset })),
      beginsAt: historyOf(topic, history) === 'all' ? null : topic.beginsAt,
    })),
    leftAlone: plan.topics.filter(({ fate }) => fate === 'leaveAlone').map(({ topic }) => topic),
    continuing: plan.topics.filter(({ fate }) => fate === 'continue').length,
  };
}

/** The same as JSON, offsets as text. */
export function foundAsFacts({ copied, ...rest }: Found): Record<string, unknown> {
  return {
    found: {
      ...rest,
      copied: copied.map(({ tails, beginsAt, ...topic }) => ({
        ...topic,
        tails: tails.map(({ partition, partingOffset }) => [partition, String(partingOffset)]),
        beginsAt: beginsAt?.map(String) ?? null,
      })),
    },
  };
}

/** @throws LockstepError INTERNAL where the first step has not ended. */
export function foundOf(move: MoveRecord): Found {
  const { found } = move.facts as { found?: FoundAsJson };
  if (found === undefined) throw lacking(move, 'found');
  return {
    ...found,
    copied: found.copied.map(({ tails, beginsAt, ...topic }) => ({
      ...topic,
      tails: tails.map(([partition, offset]) => ({ partition, partingOffset: BigInt(offset) })),
      beginsAt: beginsAt?.map(BigInt) ?? null,
    })),
  };
}

interface FoundAsJson extends Omit<Found, 'copied'> {
  readonly copied: readonly (Omit<FoundTopic, 'tails' | 'beginsAt'> & {
    readonly tails: readonly (readonly [partition: number, offset: string])[];
    readonly beginsAt: readonly string[] | null;
  })[];
}

/** Tails, and the history that the new primary does not have. */
export interface Verified {
  readonly tails: readonly VerifiedTail[];
  readonly older: readonly VerifiedTail[];
}

export function verifiedAsFacts({ tails, older }: Verified): Record<string, unknown> {
  return { verified: tails.map(asJson), verifiedOlder: older.map(asJson) };
}

type VerifiedAsJson = readonly [topic: string, partition: number, logEnd: string, records: string];

function asJson({ topic, partition, logEnd, records }: VerifiedTail): VerifiedAsJson {
  return [topic, partition, String(logEnd), String(records)];
}

function fromJson([topic, partition, logEnd, records]: VerifiedAsJson): VerifiedTail {
  return { topic, partition, logEnd: BigInt(logEnd), records: BigInt(records) };
}

/** @throws LockstepError INTERNAL where no step has verified the tails. */
export function verifiedOf(move: MoveRecord): Verified {
  const { verified, verifiedOlder } = move.facts as Record<
    'verified' | 'verifiedOlder',
    readonly VerifiedAsJson[] | undefined
  >;
  if (verified === undefined || verifiedOlder === undefined) throw lacking(move, 'verified');
  return { tails: verified.map(fromJson), older: verifiedOlder.map(fromJson) };
}

/** Topics that waited for this restore. @throws LockstepError INTERNAL where the roles have not turned. */
export function restoredOf(move: MoveRecord): readonly string[] {
  const { restored } = move.facts as { restored?: readonly string[] };
  if (restored === undefined) throw lacking(move, 'restored');
  return restored;
}

function lacking({ id }: MoveRecord, what: string): LockstepError {
  return new LockstepError('INTERNAL', `the record of move ${id} lacks ${what}`);
}
