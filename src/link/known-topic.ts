// What a link knows of one topic that it has met on both sides, and how that is shown.
import type { PartitionPlacement, PartitionStart } from '../mirror/index.ts';
import type { TopicHold, TopicState } from './topic-status.ts';

/** What was found about a topic and stops it, or stops it from being followed. */
export interface TopicCondition {
  readonly state: Extract<
    TopicState,
    'Refused' | 'SourceRecreated' | 'DestinationRecreated' | 'SourceDeleted' | 'NotAuthorized'
  >;
  readonly reason: string;
}

/** Where a partition lies, and what is compared before the first append to one that was taken over. */
export type Placement = Required<PartitionPlacement> & Pick<PartitionStart, 'witness'>;

export interface KnownTopic {
  /** At the source. */
  readonly topic: string;
  readonly sourceId: string;
  readonly destinationId: string;
  /** At the source. */
  partitionCount: number;
  /** Of the partitions that exist on both sides, in their order. */
  placements: readonly Placement[];
  /** Which life of the mirror it was met in. */
  readonly incarnation: number;
  condition: TopicCondition | null;
  /** Looks in a row at which the destination did not list the mirror. */
  missingLooks: number;
  /** Whether the destination has listed it since it was met: brokers learn of a new topic after its creation was answered. */
  wasListed?: boolean;
}

/** What people want of a topic. */
export interface TopicWishes {
  /** The link's filters take it. */
  readonly isSelected: boolean;
  /** It is neither paused nor promoted, and roles do not hold it. */
  readonly mayMirror: boolean;
  /** What roles or rules have against it. Default nothing. */
  readonly hold?: TopicHold | null;
  /** Which life of the mirror it is copied in; says nothing where it is not copied. */
  readonly incarnation: number;
  /** Records of the source may be the destination's own that come back (`PartitionStart`). Default false. */
  readonly mayReturn?: boolean;
}

/** Known from a former life of its mirror: all has to be looked at anew. */
export function isOfFormerLife(known: KnownTopic, { mayMirror, incarnation }: TopicWishes): boolean {
  return mayMirror && known.incarnation !== incarnation;
}

/** Another topic, or one that does not fit: nothing mends that but a person. */
export function isGivenUp({ condition }: KnownTopic): boolean {
  const state = condition?.state;
  return state === 'Refused' || state === 'SourceRecreated' || state === 'DestinationRecreated';
}

/** Whether its partitions are to be copied; by whom is another question. Those that stopped by themselves stay shown. */
export function isCopied(known: KnownTopic, { isSelected, mayMirror }: TopicWishes): boolean {
  return isSelected && mayMirror && known.condition?.state !== 'Refused';
}

export function shownState(
  { condition }: KnownTopic,
  { isSelected, mayMirror, hold }: TopicWishes,
): { readonly state: TopicState; readonly reason: string | null } {
  if (!isSelected) return { state: 'NotSelected', reason: notSelected };
  if (hold) return hold;
  if (!mayMirror) return { state: 'Stopped', reason: stopped };
  return condition ?? { state: 'Mirrored', reason: null };
}

const notSelected = 'the filters of the link do not take it any more; its mirror stays as it is';
const stopped = 'paused or promoted';
/** Of a topic that this agent has never had to do with. */
export const notOurs =
  'paused, promoted, or another link has this mirror (lockstep links describe says which)';
