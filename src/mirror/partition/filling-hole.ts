// A hole on the way: what is asked and sent for it, as hole.ts decides, and what the mirror's end is when it is in.
import { type FillingHole, enterHole as firstDecision, type HoleDecision } from './hole.ts';
import { markersOf, positionBehindHole } from './identity.ts';
import type { MachineCore } from './machine-core.ts';
import { holeEstimate } from './start-fill.ts';
import type { FetchedBatch, Flow } from './state.ts';

/** A marker takes about a hundred times the room of a filler's offset, and thirty times as long. */
const holeShare = 10n;

export function enterHole<B extends FetchedBatch>(core: MachineCore<B>, flow: Flow<B>, end: bigint): void {
  const offsets = end - flow.mirrorEnd;
  const offsetsMax = core.policy.fillOffsetsMax / holeShare;
  if (offsets > offsetsMax) {
    const reason = `${offsets} offsets up to ${end} hold nothing for consumers at the source: markers would take about ${holeEstimate(offsets)}, and at most ${offsetsMax} are written (a tenth of fillOffsetsMax)`;
    return core.end('HoleTooLong', flow.mirrorEnd, reason);
  }
  flow.queue.shift();
  const { mirrorEnd, isClaimed } = flow;
  carryOut(core, flow, firstDecision({ mirrorEnd, isClaimed, end }));
}

/** Lets the hole decide about an event; `phase`: only in this one. */
export function withHole<B extends FetchedBatch>(
  core: MachineCore<B>,
  phase: FillingHole['phase'] | null,
  decide: (hole: FillingHole, flow: Flow<B>) => HoleDecision,
): void {
  const { flow } = core;
  if (flow === null || flow.hole === null || (phase !== null && flow.hole.phase !== phase)) return;
  const decision = decide(flow.hole, flow);
  if (core.state.name === 'Stopping') leaveHole(core, flow, flow.hole, decision);
  else carryOut(core, flow, decision);
}

/** A stop waits until the markers under way are answered and counted, no longer: answers alone prove little. */
function leaveHole<B extends FetchedBatch>(
  core: MachineCore<B>,
  flow: Flow<B>,
  { sentCount }: FillingHole,
  decision: HoleDecision,
): void {
  switch (decision.next) {
    case 'readLogEnd':
      return carryOut(core, flow, decision);
    case 'write':
    case 'done': {
      const areAllIn = decision.mirrorEnd === flow.mirrorEnd + BigInt(sentCount);
      markersFound(core, flow, decision.mirrorEnd);
      if (areAllIn) return core.leave(flow);
    }
  }
  core.end('Stopped', flow.mirrorEnd, 'stopped as asked');
}

function carryOut<B extends FetchedBatch>(core: MachineCore<B>, flow: Flow<B>, decision: HoleDecision): void {
  switch (decision.next) {
    case 'pause':
      flow.hole = decision.hole;
      return core.pause(decision.kind, 1);
    case 'readLogEnd':
      flow.hole = decision.hole;
      return core.act({ type: 'readLogEnd', round: core.round });
    case 'write': {
      markersFound(core, flow, decision.mirrorEnd);
      flow.hole = decision.hole;
      const { generation, mirrorEnd: offset, position } = flow;
      const markers = { ...markersOf(position), generation, offset, count: decision.hole.sentCount };
      return core.act({ type: 'writeMarkers', round: core.round, markers });
    }
    case 'done':
      markersFound(core, flow, decision.mirrorEnd);
      flow.hole = null;
      return;
    case 'recover':
      return core.recover(decision.reason);
    case 'notAuthorized':
      return core.lacksRight(decision.reason);
    case 'diverged':
      return core.suspect(flow.mirrorEnd, decision.reason);
  }
}

function markersFound<B extends FetchedBatch>(core: MachineCore<B>, flow: Flow<B>, mirrorEnd: bigint): void {
  if (mirrorEnd === flow.mirrorEnd) return;
  core.holeOffsetsCount += mirrorEnd - flow.mirrorEnd;
  flow.position = positionBehindHole(flow.position);
  flow.isClaimed = true;
  core.moveTo(flow, mirrorEnd);
}
