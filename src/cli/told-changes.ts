// What is told of partitions and topics in lines of their own: once when it happens, with what to do about it, and once
// when it is over. Most states pass within moments and are no news; those that a partition may stay in are told when it
// has, and a partition that tries again and again counts as one that stays.
import type { LinkStatus } from '../link/index.ts';
import type { PartitionStatus, Place } from '../mirror/index.ts';
// Not through the room's door: every command starts faster without all that moves bytes.
import { wayOut } from '../mirror/partition/ways-out.ts';
import { plural } from './output/units.ts';

/** How long a partition may wait, or hear nothing, before it is told, ms: by then it is known whose transaction it is. */
const waitingToldMs = 10_000;
/** How long it may take to begin, or to begin again, ms. */
const notCopyingToldMs = 30_000;

/** Why a partition is not simply copying. */
type Trouble = 'stopped' | 'loop' | 'notAuthorized' | 'waiting' | 'notCopying';

const troubleOf: Readonly<Record<string, Trouble>> = {
  LoopDetected: 'loop',
  NotAuthorized: 'notAuthorized',
  WaitingForTransaction: 'waiting',
  WaitingAtHole: 'waiting',
  WaitingForReplicas: 'notCopying',
  ReadingDestination: 'notCopying',
  Settling: 'notCopying',
  ComparingTail: 'notCopying',
  Recovering: 'notCopying',
};

const toldAfterMs: Readonly<Record<Trouble, number>> = {
  stopped: 0,
  loop: 0,
  notAuthorized: 0,
  waiting: waitingToldMs,
  notCopying: notCopyingToldMs,
};

/** One partition's trouble. */
interface Episode {
  readonly trouble: Trouble;
  /** The first of it. */
  readonly state: string;
  readonly sinceMs: number;
  readonly mirrorEnd: bigint | null;
  /** Since when a cluster that it needs has not answered, in one go; null while it does. */
  unheardSinceMs: number | null;
  isTold: boolean;
}

/** Something to say of one partition or topic; `what` is the same for all that share it. */
interface News {
  readonly name: string;
  readonly what: string;
  readonly text: string;
}

/** Where links lead, for the commands in the lines. */
export type PlaceOfLink = (
  link: string,
) => Pick<Place, 'file' | 'source' | 'destination'> & { readonly prefix?: string };

export class ToldChanges {
  readonly #placeOf: PlaceOfLink;
  readonly #episodes = new Map<string, Episode>();
  readonly #topics = new Map<string, string>();
  /** The losses of each partition that were told. */
  readonly #lost = new Map<string, bigint>();

  constructor(placeOf: PlaceOfLink) {
    this.#placeOf = placeOf;
  }

  /** The lines about one link at its newest status. */
  linesOf(link: LinkStatus, atMs: number): string[] {
    const topics = link.topics.flatMap((topic) => this.#topicNews(link.name, topic));
    const partitions = link.partitions.flatMap((partition) =>
      this.#partitionNews(link.name, partition, atMs),
    );
    const losses = link.partitions.flatMap((partition) => this.#lossNews(link.name, partition));
    return [...together(topics, 'topic'), ...losses, ...together(partitions, 'partition')].map(
      (line) => `${link.name}: ${line}`,
    );
  }

  #topicNews(link: string, { topic, state, reason }: LinkStatus['topics'][number]): News[] {
    const words = withReason(state, reason);
    const key = `${link} ${topic}`;
    const isNews = this.#topics.get(key) !== words;
    this.#topics.set(key, words);
    // A topic that is being prepared, or grows, is quiet unless something keeps it from it.
    const isQuiet = reason === null && (state === 'Preparing' || state === 'Mirrored');
    return isNews && !isQuiet ? [{ name: `topic ${topic}`, what: words, text: words }] : [];
  }

  /** What was jumped over is missing for good, and no state shows it. */
  #lossNews(link: string, { topic, partition, sourceLostCount, isStopped }: PartitionStatus): string[] {
    // A partition that stopped instead has no hole yet.
    if (isStopped) return [];
    const key = `${link} ${topic}-${partition}`;
    const told = this.#lost.get(key) ?? 0n;
    this.#lost.set(key, sourceLostCount);
    // A count that is lower than before is a new worker's, which began at 0.
    const count = sourceLostCount < told ? sourceLostCount : sourceLostCount - told;
    if (count === 0n) return [];
    return [
      `topic ${topic}, partition ${partition}: ${plural(count, 'offset')} that the source had deleted ${count === 1n ? 'was' : 'were'} never mirrored; a hole stands in ${count === 1n ? 'its' : 'their'} place (retentionOvertook: jump)`,
    ];
  }

  #partitionNews(link: string, status: PartitionStatus, atMs: number): News[] {
    const { topic, partition, state, reason, mirrorEnd } = status;
    if (state === 'Stopped') return [];
    const name = `${topic}-${partition}`;
    const key = `${link} ${name}`;
    const before = this.#episodes.get(key);
    const trouble = troubleIn(status);
    if (trouble === null) {
      if (before === undefined) return [];
      before.unheardSinceMs = null;
      if (!isOver(before, status)) return [];
      this.#episodes.delete(key);
      return before.isTold ? [{ name, what: 'again', text: `${withReason(state, reason)} again` }] : [];
    }
    const isSame = before?.trouble === trouble && (trouble === 'notCopying' || before.state === state);
    const episode: Episode = isSame
      ? before
      : { trouble, state, sinceMs: atMs, mirrorEnd, unheardSinceMs: null, isTold: false };
    this.#episodes.set(key, episode);
    episode.unheardSinceMs = isUnheard(status) ? (episode.unheardSinceMs ?? atMs) : null;
    if (episode.isTold || !isLasting(episode, atMs)) return [];
    episode.isTold = true;
    const what = describe(status);
    const { prefix = '', ...place } = this.#placeOf(link);
    const mirror = `${prefix}${topic}`;
    const way = wayOutOf(status, trouble, { link, topic, mirror, partition, ...place });
    return [{ name, what, text: `${what}${way === null ? '' : ` ${way}`}` }];
  }
}

function troubleIn({ state, reason, isStopped }: PartitionStatus): Trouble | null {
  if (isStopped) return 'stopped';
  if (isUnheard({ state, reason })) return 'notCopying';
  return troubleOf[state] ?? null;
}

/** What it copies from, or to, does not answer. */
function isUnheard({ state, reason }: Pick<PartitionStatus, 'state' | 'reason'>): boolean {
  return state === 'Mirroring' && reason !== null;
}

function isLasting({ trouble, sinceMs, unheardSinceMs }: Episode, atMs: number): boolean {
  if (unheardSinceMs !== null && atMs - unheardSinceMs >= waitingToldMs) return true;
  return atMs - sinceMs >= toldAfterMs[trouble];
}

/** One that tries again and again shows Mirroring in between: only what it has copied ends that. */
function isOver(before: Episode, { lagRecords, mirrorEnd }: PartitionStatus): boolean {
  if (before.trouble !== 'notCopying' || lagRecords === 0n) return true;
  return mirrorEnd !== null && (before.mirrorEnd === null || mirrorEnd > before.mirrorEnd);
}

/** `Diverged at offset 5: a batch meant for offset 5 landed at 6.` */
function describe({ state, reason, lastError, stoppedAt }: PartitionStatus): string {
  const where = stoppedAt === null ? state : `${state} at offset ${stoppedAt}`;
  // A partition that tries again passes through states that have no reason of their own.
  const why = reason ?? (troubleOf[state] === 'notCopying' ? lastError : null);
  return why === null ? `${where}.` : `${where}: ${why}${/[.!?]$/.test(why) ? '' : '.'}`;
}

function wayOutOf({ state, reason }: PartitionStatus, trouble: Trouble, place: Place): string | null {
  // Its reason has the command already, made for the very transaction.
  if (state === 'WaitingForTransaction' && reason?.includes('kafka-transactions.sh')) return null;
  return wayOut(state, place) ?? (trouble === 'notCopying' ? wayOut('Recovering', place) : null);
}

/** A cluster that is away, or roles that turn, are one piece of news, however many partitions or topics they are about. */
function together(news: readonly News[], of: 'partition' | 'topic'): string[] {
  const groups = new Map<string, News[]>();
  for (const each of news) groups.set(each.what, [...(groups.get(each.what) ?? []), each]);
  return Array.from(groups.values(), ([first, ...others]) => {
    const more = others.length === 0 ? '' : ` and ${plural(others.length, `more ${of}`)}`;
    return `${first!.name}${more}: ${first!.text}`;
  });
}

function withReason(state: string, reason: string | null): string {
  return reason === null ? state : `${state}: ${reason}`;
}
