// What a partition's shell asks of its link: the two logs, whoever reads and writes them, and clocks.
import type { MirrorLife } from '../partition/identity.ts';
import type { ReturnVerdict } from '../partition/returning.ts';
import type { FillerAppend, PartitionPolicy, PauseKind } from '../partition/state.ts';
import type { LedLog } from './broker-questions.ts';
import type { PartitionReader } from './broker-readers.ts';
import type { AppendOutcome, DestinationWriter } from './destination-writer.ts';
import type { SourceEnds } from './fetch-target.ts';
import type { HoleWriter } from './hole-writer.ts';
import type { DestinationInspector } from './log-inspector.ts';
import type { MirrorObserver } from './observer.ts';
import type { TopicPartition } from './partition-start.ts';
import type { QueueShares } from './queue-shares.ts';
import type { ReadLimit } from './read-limit.ts';
import type { AskedReturn } from './return-questions.ts';
import type { TailComparer } from './tail-comparer.ts';

/** What a partition needs of its link. */
export interface PartitionServices {
  /** The source's log and its leader by the newest metadata; null while there is none. */
  sourceLog(partition: TopicPartition): LedLog | null;
  destinationLog(partition: TopicPartition): LedLog | null;
  /** As whom is written in this life of a mirror. */
  lifeOf(incarnation: number): MirrorLife;
  reader(broker: number): PartitionReader;
  writer(broker: number): DestinationWriter;
  holeWriter(broker: number): HoleWriter;
  /** Resolves when nobody may read the topic while its start is filled; answered from memory once that is so. */
  guardStart(partition: TopicPartition): Promise<void>;
  /** Appends one filler batch. */
  appendFiller(log: LedLog, filler: FillerAppend, onOutcome: (outcome: AppendOutcome) => void): void;
  /** Cuts the mirror's start off (DeleteRecords); resolves with the new log start. */
  cutStart(log: LedLog, beforeOffset: bigint): Promise<bigint>;
  readonly policy: PartitionPolicy;
  readonly inspector: DestinationInspector;
  readonly comparer: TailComparer;
  /** Names whoever holds a partition up at the source; null where nobody asks for that. Offsets are the source's. */
  readonly openTransactions: {
    note(partition: TopicPartition, ends: SourceEnds): void;
    forget(partition: TopicPartition): void;
    reason(partition: TopicPartition, ends: SourceEnds): string;
    /** When the transaction began, by its coordinator; null where nobody told. */
    startedAtMs(partition: TopicPartition): number | null;
    /** Whose transaction it is; null where nobody told. */
    holder(partition: TopicPartition): Holder | null;
  } | null;
  /** Tells records that come back to the destination; null: nobody does. */
  readonly returning: {
    readonly ownTag: bigint;
    /** Whether a topic's name may have grown by a lap. */
    isGrown(topic: string): boolean;
    ask(asked: AskedReturn): Promise<ReturnVerdict>;
  } | null;
  readonly observer?: MirrorObserver;
  readonly limit: ReadLimit;
  readonly queueShares: QueueShares;
  refreshMetadata(side: 'source' | 'destination', topic: string): void;
  /** How long to pause, in ms. */
  pauseMs(kind: PauseKind, attempt: number): number;
  nowMs(): number;
  /** A clock that never goes back. */
  monotonicMs(): number;
}

/** Who holds a last stable offset, as far as the source tells. */
export interface Holder {
  readonly producerId: bigint;
  readonly transactionalId: string | null;
}
