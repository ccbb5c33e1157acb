// A source that starts above the mirror's end: retention overtook the mirror, or a new one begins high. The offsets below are
// filled and cut off, jumped over, or the partition stops; start-fill.ts plans the fillers.
import { later } from '../../offsets.ts';
import { startMirroring } from './intake.ts';
import type { MachineCore } from './machine-core.ts';
import { fillEstimate, nextFiller } from './start-fill.ts';
import type { DestinationView, FetchedBatch, PartitionState } from './state.ts';

export function sourceStartsAfter<B extends FetchedBatch>(
  core: MachineCore<B>,
  view: DestinationView,
  sourceStart: bigint,
): void {
  const missing = sourceStart - view.logEnd;
  const { fillOffsetsMax, retentionOvertook } = core.policy;
  // A mirror that has no records left was overtaken, too, unless it has only just been filled.
  const isOvertaken = view.logEnd > 0n && !view.tail?.isFiller && view.logEnd !== core.cutAt;
  if (isOvertaken && retentionOvertook === 'stop') {
    const reason = `retention at the source took ${missing} offsets from ${view.logEnd} on before they were mirrored; it starts at ${sourceStart} now`;
    return core.end('RetentionOvertook', view.logEnd, reason);
  }
  if (isOvertaken) countLoss(core, view.logEnd, sourceStart);
  if (isOvertaken && view.logStart < view.logEnd) {
    return startMirroring(core, view, { lastFetchedEpoch: -1, lostUntil: sourceStart });
  }
  if (missing > fillOffsetsMax) {
    const reason = `the mirror is to start at ${sourceStart}: to fill ${missing} offsets would take about ${fillEstimate(missing)}, and at most ${fillOffsetsMax} are filled`;
    return core.end('StartTooFar', view.logEnd, reason);
  }
  fill(core, view.position.producerId, view.logEnd, sourceStart);
}

/** Data never follows fillers that could still be read. */
export function fillersFound<B extends FetchedBatch>(
  core: MachineCore<B>,
  view: DestinationView,
  sourceStart: bigint,
): void {
  if (view.logEnd <= sourceStart) return cutStart(core, view.logEnd);
  // Not known by their headers, but by the right to READ that is withheld until all partitions are filled.
  core.recover('the mirror may not be read yet: other partitions of the topic are still filled');
}

function countLoss<B extends FetchedBatch>(core: MachineCore<B>, from: bigint, to: bigint): void {
  core.sourceLostCount += later(to - later(from, core.lossCountedTo), 0n);
  core.lossCountedTo = later(to, core.lossCountedTo);
}

function fill<B extends FetchedBatch>(
  core: MachineCore<B>,
  producerId: bigint,
  offset: bigint,
  target: bigint,
): void {
  const filler = nextFiller(producerId, offset, target);
  const reason = `${offset} of ${target} offsets below the mirror’s start are filled; about ${fillEstimate(target - offset)} more`;
  core.mirrorEnd = offset;
  core.state = { name: 'FillingStart', target, producerId, filler, reason };
  core.act({ type: 'appendFiller', round: core.round, filler });
}

export function fillerAppended<B extends FetchedBatch>(
  core: MachineCore<B>,
  { filler, target, producerId }: Extract<PartitionState<B>, { name: 'FillingStart' }>,
  baseOffset: bigint,
): void {
  if (baseOffset !== filler.offset) {
    const reason = `a filler meant for offset ${filler.offset} landed at ${baseOffset}: something else writes to the mirror`;
    return core.end('Diverged', filler.offset, reason);
  }
  core.attempt = 0;
  const end = filler.offset + BigInt(filler.count);
  if (end < target) fill(core, producerId, end, target);
  else cutStart(core, target);
}

function cutStart<B extends FetchedBatch>(core: MachineCore<B>, target: bigint): void {
  core.mirrorEnd = target;
  core.state = { name: 'CuttingStart', target };
  core.act({ type: 'cutStart', round: core.round, beforeOffset: target });
}

export function startCut<B extends FetchedBatch>(core: MachineCore<B>, logStart: bigint): void {
  if (core.state.name !== 'CuttingStart') return;
  const { target } = core.state;
  if (logStart < target)
    return core.recover(`the mirror was to start at ${target}, and starts at ${logStart}`);
  core.cutAt = target;
  core.round += 1;
  core.readDestination();
}
