// Logs what changes in the states of partitions, looked at from time to time. Trouble and its end are told; the steps of
// an ordinary start are for who asks for them, since thousands of partitions start at once.
import type { PartitionStatus } from '../mirror/index.ts';
import type { Log } from './log.ts';

/** States of a partition that copies, or waits for what its source does. */
const healthyStates: ReadonlySet<string> = new Set([
  'Mirroring',
  'WaitingForTransaction',
  'WaitingAtHole',
  'ClaimingHole',
  'FillingHole',
]);
/** Ended by itself as a rule, after a pause. */
const troubleStates: ReadonlySet<string> = new Set(['Recovering', 'NotAuthorized', 'LoopDetected']);

export class StateLog {
  readonly #log: Log;
  /** What was told last, by link/topic/partition. */
  readonly #told = new Map<string, { state: string; trouble: string | null }>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Partitions of a link that this agent copies now; `isPart`: the others are as they were. */
  look(
    link: string,
    partitions: readonly PartitionStatus[],
    { isPart = false }: { isPart?: boolean } = {},
  ): void {
    const seen = new Set<string>();
    for (const status of partitions) {
      const key = `${link}/${status.topic}/${status.partition}`;
      seen.add(key);
      this.#lookAt(key, link, status);
    }
    if (isPart) return;
    for (const key of this.#told.keys())
      if (key.startsWith(`${link}/`) && !seen.has(key)) this.#told.delete(key);
  }

  #lookAt(key: string, link: string, status: PartitionStatus): void {
    const { topic, partition, state, reason, isStopped, stoppedAt } = status;
    const told = this.#told.get(key);
    if (told?.state === state) return;
    const isTrouble = isStopped ? state !== 'Stopped' : troubleStates.has(state);
    // A partition on its way back from trouble is not out of it before it copies.
    const wasTrouble = told !== undefined && told.trouble !== null;
    const isOver = wasTrouble && healthyStates.has(state);
    this.#told.set(key, { state, trouble: isTrouble ? state : isOver ? null : (told?.trouble ?? null) });
    // One that tries again and again, as while its source is down, has told so.
    const isOld = isTrouble && !isStopped && told?.trouble === state;
    const level = isOld ? 'debug' : isTrouble ? (isStopped ? 'error' : 'warn') : isOver ? 'info' : 'debug';
    const place = stoppedAt === null ? {} : { offset: stoppedAt };
    this.#log[level](
      { link, topic, partition, state, reason, ...place },
      `${topic}-${partition} is ${state}`,
    );
  }
}
