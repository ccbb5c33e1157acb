// A partition's two logs, by the newest metadata. Another topic id under the same name is another topic, and another
// leader of the mirror may lack what the former one had: both are noticed here, whenever a log is asked for.
import { LockstepError } from '../../errors.ts';
import type { LedLog } from './broker-questions.ts';
import type { PartitionServices } from './partition-services.ts';
import type { TopicPartition } from './partition-start.ts';

export type LogSide = 'source' | 'destination';

export interface PartitionLogsOptions {
  readonly partition: TopicPartition;
  readonly services: Pick<PartitionServices, 'sourceLog' | 'destinationLog'>;
  /** The topic under this name is another one than before. */
  readonly onRecreated: (side: LogSide, reason: string) => void;
}

export class PartitionLogs {
  readonly #options: PartitionLogsOptions;
  /** The ids under which both topics were met first. */
  readonly #topicIds: Record<LogSide, string | null> = { source: null, destination: null };
  /** The mirror's leader epoch when it was compared last. */
  #viewedEpoch: number | null = null;

  constructor(options: PartitionLogsOptions) {
    this.#options = options;
  }

  /** Of the mirror; null until it was met. */
  get mirrorTopicId(): string | null {
    return this.#topicIds.destination;
  }

  /** A side's log and leader; null while there is none, or when it is another topic now. */
  of(side: LogSide): LedLog | null {
    const { partition, services, onRecreated } = this.#options;
    const log = side === 'source' ? services.sourceLog(partition) : services.destinationLog(partition);
    if (log === null) return null;
    const known = this.#topicIds[side] ?? log.topicId;
    this.#topicIds[side] = known;
    if (log.topicId === known) return log;
    onRecreated(side, `the topic was created again: its id was ${known} and is ${log.topicId}`);
    return null;
  }

  /** @throws LockstepError CLUSTER_UNREACHABLE while nobody leads it */
  led(side: LogSide): LedLog {
    const log = this.of(side);
    if (log !== null) return log;
    throw new LockstepError('CLUSTER_UNREACHABLE', this.noLeader(side), { retriable: true });
  }

  /** The mirror was looked at and compared while it was led so. */
  noteViewed(leaderEpoch: number): void {
    this.#viewedEpoch = leaderEpoch;
  }

  /** The mirror's log, as long as it is led as it was when it was looked at; else why it has to be looked at again. */
  viewed(): LedLog | string {
    const log = this.of('destination');
    if (log === null) return this.noLeader('destination');
    if (log.leaderEpoch === this.#viewedEpoch) return log;
    return `the mirror’s leader epoch was ${this.#viewedEpoch} and is ${log.leaderEpoch}: looking again`;
  }

  noLeader(side: LogSide): string {
    const { topic, partition } = this.#options.partition;
    return `${topic}-${partition} has no leader at the ${side}`;
  }
}
