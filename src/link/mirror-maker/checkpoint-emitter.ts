// Positions of groups as checkpoints of MirrorMaker 2, in `<alias>.checkpoints.internal` of the destination: what a
// client reads to move (RemoteClusterUtils.translateOffsets), and what MirrorMaker 2 itself begins from when it takes
// over again (CheckpointStore).
//
// Told is what changed since the last time. MirrorMaker 2 leaves out what would lead a group back while it went on at the
// source, since its translation gets coarser with age; ours is exact, so whatever differs is told. A leader that is new
// tells everything once. Nothing is ever taken back (no tombstones), as in MirrorMaker 2.
import type { Clock } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import type { Notice } from '../notice.ts';
import type { TopicWriter } from './internal-topic.ts';
import { type Checkpoint, checkpointRecord } from './records.ts';
import { Telling } from './telling.ts';
import type { CheckpointStatus } from './types.ts';

export interface CheckpointEmitterOptions {
  readonly topic: TopicWriter;
  /** Nothing is told more often than this, ms. */
  readonly everyMs: number;
  /** The link that mirrors into the topic of this name; null: none. */
  mirrorOf(topic: string): string | null;
  readonly onNotice: (notice: Notice) => void;
  readonly clock: Clock;
  /** Wall clock, ms. Default Date.now. */
  readonly nowMs?: () => number;
}

/** One look at the groups. */
export interface SeenPositions {
  readonly checkpoints: readonly Checkpoint[];
  /** Why the source was not heard at this look; null: it was. */
  readonly sourceError: string | null;
  /** All groups and topics; else some, and what is not there is not gone. */
  readonly isWhole: boolean;
}

/** Timers may be early by this much, ms. */
const slackMs = 20;

export class CheckpointEmitter {
  readonly #options: CheckpointEmitterOptions;
  readonly #nowMs: () => number;
  readonly #telling: Telling;
  #topicId: string | null = null;
  #told = new Map<string, Checkpoint>();
  #toldAtMs: number | null = null;

  constructor(options: CheckpointEmitterOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? Date.now;
    const { topic, onNotice } = options;
    this.#telling = new Telling({ what: 'checkpoints', topic: topic.name, onNotice, nowMs: this.#nowMs });
  }

  status(): CheckpointStatus {
    return { ...this.#telling.status(), positionCount: this.#told.size };
  }

  /** The groups could not be looked at. */
  failed(error: LockstepError): void {
    this.#telling.failed(error);
  }

  /** Tells what changed, if it is time. Failures are in the status, and tried again at the next look. */
  async tell({ checkpoints, sourceError, isWhole }: SeenPositions): Promise<void> {
    const { clock, everyMs, topic, mirrorOf } = this.#options;
    const atMs = clock.nowMs();
    // A last look before a promotion is not put off.
    if (isWhole && this.#toldAtMs !== null && atMs - this.#toldAtMs < everyMs - slackMs) return;
    const link = mirrorOf(topic.name);
    if (link !== null) return this.#telling.isMirror(link);
    if (isWhole) this.#forget(checkpoints);
    const changed = checkpoints.filter(
      (checkpoint) => !isSame(this.#told.get(keyOf(checkpoint)), checkpoint),
    );
    try {
      if (changed.length > 0) await this.#write(changed, checkpoints);
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      return this.#telling.failed(error);
    }
    this.#toldAtMs = atMs;
    if (sourceError !== null) this.#telling.sourceUnheard(sourceError);
    else if (changed.length === 0) this.#telling.idle();
  }

  async #write(changed: readonly Checkpoint[], all: readonly Checkpoint[]): Promise<void> {
    const written = await this.#append(changed);
    if (this.#topicId !== null && written !== this.#topicId) {
      // Somebody deleted the topic: what was told before is not in it.
      this.#told.clear();
      await this.#append(all);
    }
    this.#topicId = written;
    this.#telling.wrote();
  }

  async #append(checkpoints: readonly Checkpoint[]): Promise<string> {
    const topicId = await this.#options.topic.append(checkpoints.map(checkpointRecord), this.#nowMs());
    for (const checkpoint of checkpoints) this.#told.set(keyOf(checkpoint), checkpoint);
    return topicId;
  }

  /** A group that comes back with the same position is told anew. */
  #forget(checkpoints: readonly Checkpoint[]): void {
    const present = new Set(checkpoints.map(keyOf));
    for (const key of this.#told.keys()) if (!present.has(key)) this.#told.delete(key);
  }
}

function keyOf({ group, topic, partition }: Checkpoint): string {
  return JSON.stringify([group, topic, partition]);
}

function isSame(one: Checkpoint | undefined, other: Checkpoint): boolean {
  return (
    one !== undefined &&
    one.upstreamOffset === other.upstreamOffset &&
    one.offset === other.offset &&
    one.metadata === other.metadata
  );
}
