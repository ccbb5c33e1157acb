// What comes from the source: where reading starts, the steps that each batch becomes, and answers that hold none.
import { askReturn, questionOf } from './coming-back.ts';
import { type EventOf, giveBack, type MachineCore, unreadable } from './machine-core.ts';
import { isHeldBy, planBatch } from './plan.ts';
import { reactionToFetchError } from './reactions.ts';
import type { DestinationView, FetchedBatch, Flow } from './state.ts';

export function startMirroring<B extends FetchedBatch>(
  core: MachineCore<B>,
  view: DestinationView,
  from: { lastFetchedEpoch: number; lostUntil?: bigint },
): void {
  const end = from.lostUntil ?? view.logEnd;
  const flow: Flow<B> = {
    position: view.position,
    generation: view.generation,
    isClaimed: false,
    mirrorEnd: view.logEnd,
    plannedEnd: end,
    fetchOffset: end,
    queue: end > view.logEnd ? [{ kind: 'hole', end }] : [],
    queuedBytes: 0,
    inFlight: null,
    hole: null,
    obstacle: null,
    returning: null,
  };
  core.mirrorEnd = view.logEnd;
  core.viewedEpoch = view.leaderEpoch;
  core.state = { name: 'Mirroring', flow };
  core.act({
    type: 'startFetching',
    round: core.round,
    offset: end,
    lastFetchedEpoch: from.lastFetchedEpoch,
  });
}

export function fetched<B extends FetchedBatch>(core: MachineCore<B>, batches: readonly B[]): void {
  const { state } = core;
  if (state.name !== 'Mirroring' || state.flow.obstacle !== null || state.flow.returning !== null) {
    for (const batch of batches) batch.release();
    return;
  }
  const { flow } = state;
  for (const [index, batch] of batches.entries()) {
    const question = questionOf(core, flow, batch);
    if (question !== null) {
      for (const unplanned of batches.slice(index)) unplanned.release();
      askReturn(core, flow, question);
      break;
    }
    try {
      plan(core, flow, batch);
    } catch (error) {
      for (const unplanned of batches.slice(index)) unplanned.release();
      return core.recover(unreadable(batch, error));
    }
  }
}

/** Queues the steps of one batch, which belongs to them afterwards or is given back. Throws before it takes it. */
function plan<B extends FetchedBatch>(core: MachineCore<B>, flow: Flow<B>, batch: B): void {
  const verdict = flow.obstacle ?? planBatch(batch, flow.plannedEnd, core.policy.compactionGaps);
  if (verdict === 'behind' || 'kind' in verdict) {
    batch.release();
    if (verdict === 'behind' || flow.obstacle !== null) return;
    flow.obstacle = verdict;
    return core.act({ type: 'stopFetching' });
  }
  for (const step of verdict.steps) {
    if (step.kind === 'hole' && flow.queue.at(-1)?.kind === 'hole') flow.queue.pop();
    flow.queue.push(step);
    if (step.kind === 'data') flow.queuedBytes += step.batch.sizeBytes;
  }
  flow.plannedEnd = verdict.plannedEnd;
  flow.fetchOffset = batch.lastOffset + 1n;
  if (!isHeldBy(verdict.steps, batch)) batch.release();
}

/** Keeps what is under way and forgets what waits behind it, to be read again from there. */
export function shed<B extends FetchedBatch>(core: MachineCore<B>): void {
  const { state } = core;
  if (state.name !== 'Mirroring' || state.flow.queue.length === 0) return;
  const { flow } = state;
  const underWay = flow.inFlight?.batch ?? null;
  const end = underWay === null ? flow.hole?.end : underWay.lastOffset + 1n;
  if (end === undefined) return;
  giveBack(flow);
  flow.obstacle = null;
  flow.returning = null;
  flow.plannedEnd = end;
  flow.fetchOffset = end;
  core.act({
    type: 'startFetching',
    round: core.round,
    offset: end,
    lastFetchedEpoch: underWay?.partitionLeaderEpoch ?? -1,
  });
}

export function fetchRefused<B extends FetchedBatch>(
  core: MachineCore<B>,
  { errorCode, reason }: EventOf<B, 'fetchRefused'>,
): void {
  switch (reactionToFetchError(errorCode)) {
    case 'retry':
      return core.act({ type: 'refreshMetadata', side: 'source' });
    case 'notAuthorized':
      return core.lacksRight(`fetching: ${reason}`);
    case 'recreated':
      core.act({ type: 'refreshMetadata', side: 'source' });
      return core.stopOrRecover(reason);
    case 'recover':
      return core.stopOrRecover(reason);
  }
}

export function sourceDiverged<B extends FetchedBatch>(
  core: MachineCore<B>,
  { endOffset, epoch }: EventOf<B, 'sourceDiverged'>,
): void {
  const { flow } = core;
  if (flow === null) return;
  const reason = `the source’s log was truncated: its leader epoch ${epoch} ends at ${endOffset}, below ${flow.fetchOffset}`;
  const sentEnd =
    flow.inFlight !== null ? flow.inFlight.batch.lastOffset + 1n : (flow.hole?.end ?? flow.mirrorEnd);
  if (endOffset >= sentEnd) return core.stopOrRecover(reason);
  core.end('SourceTruncated', endOffset, reason);
}
