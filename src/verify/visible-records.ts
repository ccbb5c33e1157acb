// The records of one log that consumers see, one by one.

import type { RawRecord, ReadOptions } from '../records/index.ts';
import { type LogBatch, LogCursor } from './log-cursor.ts';
import type { OffsetRange, Side } from './verdict.ts';

/** The visible records with offsets in `range`. A record's memory is good until the next one is asked for. */
export async function* visibleRecords(
  side: Side,
  batches: AsyncIterable<LogBatch>,
  range: OffsetRange,
  options: ReadOptions = {},
): AsyncGenerator<RawRecord, void, undefined> {
  const cursor = new LogCursor(side, batches, range, options);
  try {
    for (;;) {
      if (!cursor.isReady) await cursor.fill();
      if (cursor.batch !== null) cursor.open();
      if (cursor.isAtEnd) return;
      if (cursor.record === null) continue;
      yield cursor.record;
      cursor.passRecord();
    }
  } finally {
    await cursor.close();
  }
}
