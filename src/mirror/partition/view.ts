// What a mirror partition starts from, made of what its leader told.
import {
  generationAfter,
  isClosed,
  isContinued,
  isFillerProducerId,
  type LastWrite,
  type MirrorLife,
  type ProducerEntry,
  positionAt,
} from './identity.ts';
import type { DestinationView, LogEnds, TailBatch } from './state.ts';
import type { MirrorFingerprint, MirrorTail } from './tail.ts';

/** What the leader of a mirror's log told, all of it about the log as it stood at one moment. */
export interface MirrorReading extends LogEnds {
  readonly logStart: bigint;
  /** null when the log holds no batch, or may not be read. */
  readonly tail: MirrorTail | null;
  readonly entries: readonly ProducerEntry[];
}

/** As whom it writes, and what a new generation is made of. */
export interface StartingWorker extends MirrorLife {
  /** ms since the epoch. */
  readonly nowMs: number;
  /** In [0, 1). */
  readonly random: number;
}

/** Reads the rest off `reading`: where the log stands in its runs, and who writes next. */
export function viewOf(
  reading: MirrorReading,
  { producerId, incarnation = 0, nowMs, random }: StartingWorker,
): DestinationView {
  const { leaderEpoch, logStart, logEnd, highWatermark, tail, entries } = reading;
  const life = { producerId, incarnation };
  const newest = tail === null ? null : { ...writeOf(tail.newest), isControl: tail.newest.isControl };
  const newestData = tail?.newestData ? writeOf(tail.newestData) : null;
  return {
    leaderEpoch,
    logStart,
    logEnd,
    highWatermark,
    tail: tail === null ? null : tailBatchOf(tail.newest),
    position: positionAt(logEnd, { ...life, tail: newest, newestData, entries }),
    // The closing marker of a former life has the highest generation there is.
    generation: generationAfter(
      entries.filter((entry) => isContinued(entry.producerId, life)),
      { nowMs, random },
    ),
    isClosed: isClosed(entries, newest, life),
  };
}

function tailBatchOf({ baseOffset, lastOffset, producerId, isControl }: MirrorFingerprint): TailBatch {
  return { baseOffset, lastOffset, producerId, isControl, isFiller: isFillerProducerId(producerId) };
}

function writeOf({ producerId, producerEpoch, lastSequence }: MirrorFingerprint): LastWrite {
  return { producerId, epoch: producerEpoch, lastSequence };
}
