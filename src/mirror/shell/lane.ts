// A reader of a source broker with a fetch session of its own, and the partitions that it reads.
import type { Connection } from '../../client/index.ts';
import type { ConnectionSlot } from './connection-slot.ts';
import type { FetchTarget } from './fetch-target.ts';
import type { SourceReader } from './source-reader.ts';
import type { ReaderPace } from './source-reader-options.ts';

export interface Lane {
  readonly slot: ConnectionSlot;
  readonly reader: SourceReader;
  readonly keys: Map<string, FetchTarget>;
  readonly paced: { pace: ReaderPace };
  waitedMs: number;
}

export interface LaneOptions {
  readonly slot: ConnectionSlot;
  readonly pace: ReaderPace;
  /** One of the slot that is open already. */
  readonly connection?: Connection;
}

/** How many partitions of a lane catch up. */
export function behindIn({ keys }: Pick<Lane, 'keys'>): number {
  let count = 0;
  for (const { isLive } of keys.values()) if (!isLive) count += 1;
  return count;
}
