// Before a partition copies: the looks at the destination's log end until nothing of a former worker can come any more, and
// what the comparison of the newest batches means.
import { fillersFound, sourceStartsAfter } from './filling-start.ts';
import { startMirroring } from './intake.ts';
import type { MachineCore } from './machine-core.ts';
import type { DestinationView, FetchedBatch, LeftLog, TailVerdict } from './state.ts';

export function destinationRead<B extends FetchedBatch>(
  core: MachineCore<B>,
  view: DestinationView,
  left: LeftLog | null,
): void {
  const { state } = core;
  if (view.isClosed) {
    const reason = 'a marker with the closing epoch stands in the mirror: it was promoted';
    return core.end('Fenced', view.logEnd, reason);
  }
  if (core.doubt !== null) {
    // The log has grown while it was read, so that the closing may be among what came.
    core.doubt.looks += 1;
    if (view.highWatermark < 0n && core.doubt.looks < doubtLooksMax) return core.readDestination();
    return core.end('Diverged', core.doubt.offset, core.doubt.reason);
  }
  const isReplicated = view.highWatermark === view.logEnd;
  const seen = state.name === 'Settling' || state.name === 'WaitingForReplicas' ? state.seen : null;
  // While somebody else appends the high watermark lags, too, but waiting for replicas would be the wrong story.
  const hasMoved = view.highWatermark < 0n || (seen !== null && seen.logEnd !== view.logEnd);
  if (!isReplicated && !hasMoved) {
    // What followers lack can vanish with the leader, and our next batch would land lower than meant.
    core.state = { name: 'WaitingForReplicas', seen: view };
    return core.pause('replicas', 1);
  }
  const before = state.name === 'Settling' ? state.seen : left;
  const settled = isReplicated && before?.logEnd === view.logEnd && before.leaderEpoch === view.leaderEpoch;
  if (!settled) {
    const looks = state.name === 'Settling' ? state.looks + 1 : 1;
    core.state = {
      name: 'Settling',
      seen: view,
      looks,
      reason: looks > quietLooksMax ? keepsMoving : null,
    };
    return core.pause('settle', 1);
  }
  noticeStepBack(core, view);
  core.mirrorEnd = view.logEnd;
  core.state = { name: 'ComparingTail', view };
  core.act({ type: 'compareTail', round: core.round, view });
}

/** Acknowledged offsets that are gone (an unclean election, disks lost) do no harm, but never pass in silence. */
function noticeStepBack<B extends FetchedBatch>(core: MachineCore<B>, view: DestinationView): void {
  if (core.mirrorEnd !== null && view.logEnd < core.mirrorEnd) core.acknowledgedLostCount += 1;
}

export function tailCompared<B extends FetchedBatch>(core: MachineCore<B>, verdict: TailVerdict): void {
  if (core.state.name !== 'ComparingTail') return;
  const { view } = core.state;
  switch (verdict.kind) {
    case 'agrees':
      if (view.tail?.isFiller) return fillersFound(core, view, verdict.sourceStart);
      return startMirroring(core, view, { lastFetchedEpoch: epochBefore(core, view.logEnd, verdict) });
    case 'differs':
      return core.end(
        'Diverged',
        verdict.offset,
        `the newest batch differs from the source’s: ${verdict.what}`,
      );
    case 'foreign':
      return core.end(
        'ForeignData',
        verdict.offset,
        'the destination holds records that no mirror wrote; what MirrorMaker 2 has copied is taken over by lockstep migrate FILE',
      );
    case 'sourceEndsBefore':
      return core.end(
        'SourceTruncated',
        verdict.sourceEnd,
        `the source ends at ${verdict.sourceEnd}, the mirror at ${view.logEnd}: the source was truncated or is another log`,
      );
    case 'sourceStartsAfter':
      return sourceStartsAfter(core, view, verdict.sourceStart);
  }
}

function epochBefore<B extends FetchedBatch>(
  core: MachineCore<B>,
  end: bigint,
  verdict: { readonly lastFetchedEpoch: number },
): number {
  if (verdict.lastFetchedEpoch >= 0) return verdict.lastFetchedEpoch;
  return core.copied?.end === end ? core.copied.epoch : -1;
}

/** So many looks at a log that grows while it is read tell whether it was closed. */
const doubtLooksMax = 3;

/** After this many looks at a log end that moves, somebody should know why nothing is copied here. */
const quietLooksMax = 2;
const keepsMoving =
  'the log end keeps moving: another agent copies this partition, or something else writes to it';
