// What a reader of a source broker is made with.
import type { Connection } from '../../client/index.ts';
import type { LockstepError } from '../../errors.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { ReadLimit } from './read-limit.ts';

/** How a lane fetches; it changes with how many lanes there are. */
export interface ReaderPace {
  /** Bytes asked for per fetch. */
  readonly answerBytesMax: number;
  /** Bytes asked for per partition and fetch. */
  readonly partitionBytesMax: number;
  /** How long the broker may wait for data, in ms. */
  readonly waitMsMax: number;
  /** From one request to the next at least, ms, unless much came. Default: none. */
  readonly gapMsMin?: number;
}

export interface SourceReaderOptions {
  readonly open: () => Promise<Connection>;
  /** One that is open already. Default: the first fetch opens one. */
  readonly connection?: Connection;
  /** Asked before each fetch. Default: as the other options say. */
  readonly pace?: () => ReaderPace;
  readonly budget: MemoryBudget;
  readonly limit: ReadLimit;
  /** Bytes asked for per partition and fetch. One larger batch still comes whole. */
  readonly fetchBytesMax: number;
  /** Bytes asked for per fetch. */
  readonly fetchResponseBytesMax: number;
  /** How long the broker may wait for data, in ms. */
  readonly fetchWaitMsMax: number;
  /** Told of every answer, with how long it took, the broker's wait for data included. */
  readonly onAnswered?: (tookMs: number) => void;
  /** Told of each partition of which an answer had records, when its target has them. */
  readonly onRecords?: (key: string) => void;
  /** Called after trouble, with how often in a row: metadata may have moved. Resolves when to try again. */
  readonly onTrouble: (error: LockstepError, attempt: number) => Promise<void>;
}
