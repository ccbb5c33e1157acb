// A mirror can lose what the source still has, and nobody would hear of it: its log is right as far as it goes.
//
// The problem: a hole takes 78 bytes for each offset at the mirror, and next to nothing at the source, so that the same
// `retention.bytes` deletes earlier here than there. A shorter `retention.ms`, or DeleteRecords, does it too. And a
// compacted source forgets its tombstones after `delete.retention.ms`, mirrored or not. The answer: both log starts and
// the lag are looked at with the settings, and what they show is said, once, and again when it has doubled.
import { LockstepError } from '../errors.ts';
import type { PartitionPlacement, PartitionStatus } from '../mirror/index.ts';
import { later } from '../offsets.ts';
import { plural } from '../units.ts';
import type { LinkCluster } from './clusters.ts';
import { isShorter, policiesOf, type TopicSettings } from './mirror-topic.ts';
import type { Notice } from './notice.ts';
import { filledStates } from './start-guard.ts';

export interface KeptRangeOptions {
  readonly source: LinkCluster;
  readonly destination: LinkCluster;
  readonly onNotice: (notice: Notice) => void;
  readonly nowMs: () => number;
}

/** A topic as a look at the settings found it. */
export interface LookedTopic {
  readonly topic: string;
  /** Those that this agent copies. */
  readonly partitions: readonly PartitionStatus[];
  /** Where each partition lies. */
  readonly placements: readonly Required<PartitionPlacement>[];
  readonly source: TopicSettings;
  readonly mirror: TopicSettings;
}

/** Offsets of the source, `end` excluded, that the mirror has lost. */
interface Loss {
  readonly partition: number;
  readonly start: bigint;
  readonly end: bigint;
}

/** Brokers' clocks may differ by this, and a broker looks for old segments every 5 minutes; in ms. */
const slackMsMax = 300_000n;
/** Kafka's default of delete.retention.ms. */
const tombstonesMsDefault = 86_400_000;

export class KeptRange {
  readonly #options: KeptRangeOptions;
  /** Partitions that were looked at, by topic. */
  readonly #seen = new Map<string, Set<number>>();
  /** How many offsets were said to be lost, by partition. */
  readonly #told = new Map<string, bigint>();
  /** Partitions that were said to be behind for too long. */
  readonly #late = new Set<string>();
  #isLooking = false;

  constructor(options: KeptRangeOptions) {
    this.#options = options;
  }

  /** Whether a partition is mirrored that no look has seen: those are looked at without waiting for their turn. */
  isNew(topic: string, partitions: readonly PartitionStatus[]): boolean {
    return partitions.some((status) => isMirrored(status) && !this.#seen.get(topic)?.has(status.partition));
  }

  /** Does nothing while a look is under way: a leader that does not answer holds up the next look, and nothing else. */
  async look(topics: readonly LookedTopic[]): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      for (const looked of topics) {
        this.#lookForTombstones(looked);
        await this.#lookAtStarts(looked);
      }
    } finally {
      this.#isLooking = false;
    }
  }

  async #lookAtStarts(looked: LookedTopic): Promise<void> {
    const { topic } = looked;
    const mirrored = looked.partitions.filter(isMirrored);
    if (mirrored.length === 0) return;
    const seen = this.#seen.get(topic) ?? new Set();
    this.#seen.set(topic, seen);
    for (const { partition } of mirrored) seen.add(partition);
    try {
      const losses = await this.#losses(looked, mirrored);
      const told = losses.filter((loss) => this.#isNews(topic, loss));
      if (told.length > 0) this.#warn(`topic ${topic}: ${describeLosses(told)}: ${cureOf(looked)}`);
    } catch (error) {
      // Whatever it is, copying meets it too and says so; the next look tries again.
      if (!(error instanceof LockstepError)) throw error;
    }
  }

  async #losses(looked: LookedTopic, mirrored: readonly PartitionStatus[]): Promise<Loss[]> {
    const { topic } = looked;
    const count = Math.max(...mirrored.map(({ partition }) => partition)) + 1;
    // In this order: starts only grow, so what the source has afterwards it had when the mirror had it no more.
    const mirrors = await this.#options.destination.logRanges(topic, count);
    const sources = await this.#options.source.logRanges(topic, count);
    const losses: Loss[] = [];
    for (const { partition, shift } of mirrored) {
      const [mirror, source] = [mirrors.get(partition), sources.get(partition)];
      if (mirror === undefined || source === undefined) continue;
      const start = later(source.start, looked.placements[partition]?.startOffset ?? 0n);
      if (mirror.start + shift <= start) continue;
      const loss = { partition, start, end: mirror.start + shift };
      if (!(await this.#isDueAtSource(looked, loss))) losses.push(loss);
    }
    return losses;
  }

  /** Whether the source is going to delete it just so: all of it is older than its retention.ms. */
  async #isDueAtSource({ topic, source }: LookedTopic, { partition, end }: Loss): Promise<boolean> {
    const retentionMs = BigInt(source.get('retention.ms')?.value ?? '-1');
    if (retentionMs < 0n || !policiesOf(source).includes('delete')) return false;
    const slackMs = retentionMs / 10n < slackMsMax ? retentionMs / 10n : slackMsMax;
    const dueBeforeMs = BigInt(this.#options.nowMs()) - retentionMs + slackMs;
    const kept = await this.#options.source.firstOffsetSince({ topic, partition }, dueBeforeMs);
    return kept === null || kept >= end;
  }

  /** Not while it only grows little: on a busy topic retention goes on for ever. */
  #isNews(topic: string, { partition, start, end }: Loss): boolean {
    const name = `${topic}-${partition}`;
    const told = this.#told.get(name);
    if (told !== undefined && end - start < 2n * told) return false;
    this.#told.set(name, end - start);
    return true;
  }

  #lookForTombstones({ topic, partitions, source }: LookedTopic): void {
    const keptMs = Number(source.get('delete.retention.ms')?.value ?? tombstonesMsDefault);
    const isCompacted = policiesOf(source).includes('compact');
    for (const { partition, behindMs } of partitions) {
      // Unknown for a moment: as before.
      if (behindMs === null) continue;
      const name = `${topic}-${partition}`;
      if (!isCompacted || behindMs <= keptMs) this.#late.delete(name);
      else if (!this.#late.has(name)) {
        this.#late.add(name);
        this.#warn(
          `topic ${topic}: partition ${partition} has been behind for ${Math.round(behindMs / 1000)} s, and the source ` +
            `keeps tombstones for delete.retention.ms=${keptMs}: tombstones may be gone at the source before they were ` +
            'mirrored, and the keys they deleted stay in the mirror; lockstep verify finds those',
        );
      }
    }
  }

  #warn(text: string): void {
    this.#options.onNotice({ atMs: this.#options.nowMs(), level: 'warning', text });
  }
}

function isMirrored({ state }: PartitionStatus): boolean {
  return filledStates.has(state);
}

/** The largest by its offsets, the others by their number. */
function describeLosses(losses: readonly Loss[]): string {
  const [largest, ...others] = losses.toSorted((a, b) => Number(b.end - b.start - (a.end - a.start)));
  const { partition, start, end } = largest!;
  const more = others.length === 0 ? '' : `, and fewer in ${plural(others.length, 'partition')} more`;
  return `the mirror's retention took ${end - start} offsets (${start} to ${end - 1n}) that the source still has in partition ${partition}${more}`;
}

/** Which of the mirror's settings can have done it, and what to change. */
function cureOf({ source, mirror }: LookedTopic): string {
  const limitOf = (settings: TopicSettings, name: string) => settings.get(name)?.value ?? '-1';
  const [causes, names]: [string[], string[]] = [[], []];
  if (policiesOf(mirror).includes('delete')) {
    for (const name of ['retention.ms', 'retention.bytes']) {
      const [found, needed] = [limitOf(mirror, name), limitOf(source, name)];
      const isCause = isShorter(found, needed) || (name === 'retention.bytes' && BigInt(found) >= 0n);
      if (!isCause) continue;
      names.push(name);
      causes.push(
        isShorter(found, needed)
          ? `${name}=${found} is less than the source's ${needed}`
          : `${name}=${found} holds fewer records at a mirror with holes`,
      );
    }
  }
  if (causes.length === 0)
    return 'its settings do not explain that; they were others once, or somebody used DeleteRecords';
  return `${causes.join(', and ')}; raise ${names.join(' and ')} or set -1 on the mirror`;
}
