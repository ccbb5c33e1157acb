// How a partition changes hands without the second that settling takes.
//
// The problem: whoever gets a partition can't know whether a late write of the former agent is still to come, so it looks
// at the log twice, a second apart. The answer: who gives one up with nothing under way says so in the partition's last
// status: in which generation of the group, and how the log stood. Who gets it in the very next generation, and was in
// both, knows that nobody had it in between, and may begin where the log is as it was said.
//
//   generation 7: a stops it ──► status: released {7, log end 120, leader epoch 3} ──► a leaves
//   generation 8: b gets it, and 8 follows 7 ──► first look: 120, 3 ──► compares and copies
//
// Whatever else is found there (told in another generation, nothing told, another log) only costs that second.
import { type ControlTopic, type ReleaseRecord, type StatusRecord, statusKey } from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import { keyOf, type WorkItem } from '../fleet/index.ts';
import type { ReleasedPartition } from '../link/index.ts';
import type { LeftPartition } from '../mirror/index.ts';
import { orPatience } from '../patience.ts';

/** To wait longer than settling takes gains nobody anything. */
const tellMsMax = 1_000;

export interface HandoversOptions {
  readonly control: {
    readonly state: Pick<ControlTopic['state'], 'statuses'>;
    put: ControlTopic['put'];
  };
  readonly agentId: string;
}

export class Handovers {
  readonly #options: HandoversOptions;
  /** By item that was given to us: the generation in which its former agent must have given it up. */
  readonly #follows = new Map<string, string>();

  constructor(options: HandoversOptions) {
    this.#options = options;
  }

  /** These were given to us. */
  assigned(items: readonly WorkItem[], follows: string | null): void {
    for (const item of items) {
      if (follows === null) this.#follows.delete(keyOf(item));
      else this.#follows.set(keyOf(item), follows);
    }
  }

  /** These are ours no more. */
  revoked(items: readonly WorkItem[]): void {
    for (const item of items) this.#follows.delete(keyOf(item));
  }

  /** How the agent right before us left a partition; once, since from then on we are who was there last. */
  take(item: WorkItem): LeftPartition | null {
    const key = keyOf(item);
    const follows = this.#follows.get(key);
    this.#follows.delete(key);
    const released = this.#options.control.state.statuses.get(key)?.released;
    if (follows === undefined || released?.generationId !== follows) return null;
    const { mirrorTopicId: topicId, leaderEpoch, logEnd } = released;
    return { topicId, leaderEpoch, logEnd: BigInt(logEnd) };
  }

  /** Tells how these were left; resolves when it is told, could not be, or takes too long. */
  async tell(link: string, released: readonly ReleasedPartition[], generationId: string): Promise<void> {
    const { control, agentId } = this.#options;
    const entries = new Map<string, StatusRecord>();
    for (const { topic, partition, left } of released) {
      const status = control.state.statuses.get(keyOf({ link, topic, partition }));
      if (status?.agent !== agentId) continue;
      const { topicId: mirrorTopicId, leaderEpoch, logEnd } = left;
      const record: ReleaseRecord = { generationId, mirrorTopicId, leaderEpoch, logEnd: String(logEnd) };
      entries.set(statusKey({ link, topic, partition }), { ...status, released: record });
    }
    if (entries.size === 0) return;
    const told = control.put(entries).catch((error: unknown) => {
      if (!(error instanceof LockstepError)) throw error;
    });
    await orPatience(told, tellMsMax);
  }
}
