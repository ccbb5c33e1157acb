// What goes to the destination, a step at a time: batches, several of them as one where they are small, and what their
// answers mean.
import { loopFound } from './coming-back.ts';
import { fillGaps, hasToFill } from './filling-gaps.ts';
import { enterHole } from './filling-hole.ts';
import { identityOf, positionAfter } from './identity.ts';
import { type EventOf, type MachineCore, unreadable } from './machine-core.ts';
import { gaplessCount, mergeableCount, mergedBytesLess, mergedBytesMax, type Step } from './plan.ts';
import { reactionToAppendError } from './reactions.ts';
import type { FetchedBatch, Flow, PendingAppend } from './state.ts';

/** Does the next step when none is under way; ends at the obstacle when all before it is in. */
export function advance<B extends FetchedBatch>(core: MachineCore<B>, flow: Flow<B>): void {
  if (flow.inFlight !== null || flow.hole !== null) return;
  try {
    fillGaps(core, flow, flow.mirrorEnd);
  } catch (error) {
    return core.recover(unreadable(firstBatch(flow), error));
  }
  const step = flow.queue[0];
  if (step === undefined) {
    if (flow.obstacle) core.end(flow.obstacle.kind, flow.obstacle.offset, flow.obstacle.reason);
    else if (flow.returning?.verdict?.kind === 'returns')
      loopFound(core, flow.returning.question, flow.returning.verdict.reason);
    return;
  }
  switch (step.kind) {
    case 'hole':
      return enterHole(core, flow, step.end);
    case 'data':
      return appendData(core, flow);
  }
}

function appendData<B extends FetchedBatch>(core: MachineCore<B>, flow: Flow<B>): void {
  const batches = flow.queue
    .slice(0, mergeCount(core, flow, flow.mirrorEnd))
    .map((step) => (step as Extract<Step<B>, { kind: 'data' }>).batch);
  const [first, ...next] = batches as [B, ...B[]];
  const merged = next.length > 0 ? mergedOf(core, batches) : null;
  const end = merged?.lastOffset ?? first.lastOffset;
  const taken = batches.filter(({ lastOffset }) => lastOffset <= end);
  flow.queue.splice(0, taken.length);
  for (const { sizeBytes } of taken) flow.queuedBytes -= sizeBytes;
  if (merged === null) return append(core, flow, first, first.isMerged === true);
  for (const batch of taken) batch.release();
  append(core, flow, merged, true);
}

/** The first batches as one; null where they go alone. */
function mergedOf<B extends FetchedBatch>(core: MachineCore<B>, batches: readonly B[]): B | null {
  const [first, ...next] = batches as [B, ...B[]];
  let merged: B | null = null;
  try {
    merged = first.mergeWith(next);
  } catch {
    // One of them can't be read. What is in front of it is copied, and the destination tells which it is.
    core.aloneBelow = batches.at(-1)!.lastOffset + 1n;
  }
  // They take too much when they are read: to look at them all costs more than it gives.
  if (merged === null && first.codec !== 0) core.mayRecompress = false;
  return merged;
}

/** @param from where the first goes to */
function mergeCount<B extends FetchedBatch>(core: MachineCore<B>, { queue }: Flow<B>, from: bigint): number {
  const [first] = queue;
  if (first?.kind !== 'data' || first.batch.baseOffset < core.aloneBelow) return 1;
  const mayMerge = core.mayRecompress || first.batch.codec === 0;
  const count = mayMerge ? mergeableCount(queue, core.mergedBytesMax, core.compressedBytesMax) : 1;
  return count === 1 ? 1 : Math.max(1, gaplessCount(queue.slice(0, count), from));
}

function firstBatch<B extends FetchedBatch>({ queue }: Flow<B>): B {
  return (queue[0] as Extract<Step<B>, { kind: 'data' }>).batch;
}

function append<B extends FetchedBatch>(
  core: MachineCore<B>,
  flow: Flow<B>,
  batch: B,
  isMerged: boolean,
): void {
  const identity = identityOf(flow.position);
  flow.inFlight = { batch, identity, offset: flow.mirrorEnd, isMerged };
  core.act({ type: 'append', round: core.round, append: flow.inFlight });
}

export function appended<B extends FetchedBatch>(
  core: MachineCore<B>,
  { baseOffset, isRestamped = false }: EventOf<B, 'appended'>,
): void {
  const { flow, state } = core;
  if (flow === null || flow.inFlight === null) return;
  const { batch, identity, offset } = flow.inFlight;
  if (baseOffset !== offset) {
    const reason = `a batch meant for offset ${offset} landed at ${baseOffset}: something else writes to the mirror`;
    return core.suspect(offset, reason);
  }
  if (isRestamped) {
    const reason = `the destination gave the batch at offset ${offset} its own timestamps: message.timestamp.type of the mirror topic is not CreateTime any more`;
    return core.end('Diverged', offset, reason);
  }
  flow.inFlight = null;
  core.moveTo(flow, offset + BigInt(batch.recordCount));
  flow.position = positionAfter(identity, batch.recordCount);
  core.copied = { end: flow.mirrorEnd, epoch: batch.partitionLeaderEpoch };
  batch.release();
  if (state.name === 'Stopping') core.leave(flow);
}

export function appendRefused<B extends FetchedBatch>(
  core: MachineCore<B>,
  { errorCode, reason }: EventOf<B, 'appendRefused'>,
): void {
  const { flow, state } = core;
  const inFlight = flow?.inFlight ?? null;
  const offset = state.name === 'FillingStart' ? state.filler.offset : inFlight?.offset;
  if (offset === undefined) return;
  switch (reactionToAppendError(errorCode)) {
    case 'recover':
    case 'recreated':
      // The id may be new because the topic is, or unknown to a broker that starts: metadata decides.
      return core.stopOrRecover(reason);
    case 'fenced':
      // A late request of this place, or the mirror was closed: the log tells which.
      return core.stopOrRecover(`another worker has gone on behind offset ${offset} (${reason})`);
    case 'blocked': {
      if (inFlight?.isMerged) {
        // Each batch fits, or the source would not hold it.
        mergeLess(core, inFlight.batch);
        return core.stopOrRecover(`batches were put together and refused: ${reason}`);
      }
      const what = inFlight === null ? 'a filler' : `the batch of ${inFlight.batch.sizeBytes} bytes`;
      return core.end('Blocked', offset, `the destination refuses ${what} at offset ${offset}: ${reason}`);
    }
    case 'notAuthorized':
      return core.lacksRight(`appending: ${reason}`);
  }
}

/** After a broker has refused so much as too large: topics that take half a megabyte still get that. */
function mergeLess<B extends FetchedBatch>(core: MachineCore<B>, { codec, sizeBytes }: B): void {
  if (codec !== 0 && sizeBytes > mergedBytesMax && core.compressedBytesMax > mergedBytesMax)
    core.compressedBytesMax = mergedBytesMax;
  else core.mergedBytesMax = sizeBytes > mergedBytesLess ? mergedBytesLess : 0;
}

/** Whether `prepare` would put something together. */
export function hasToPrepare<B extends FetchedBatch>(core: MachineCore<B>): boolean {
  const { state } = core;
  if (state.name !== 'Mirroring' || state.flow.inFlight === null) return false;
  const from = endOf(state.flow.inFlight);
  return hasToFill(state.flow, from) || mergeCount(core, state.flow, from) > 1;
}

/**
 * Puts together what goes next, while the append under way is answered: for whoever has sent that and has a moment. The
 * queue holds the same records afterwards, and copies of them.
 */
export function prepare<B extends FetchedBatch>(core: MachineCore<B>): void {
  const { flow } = core;
  if (flow === null || flow.inFlight === null || !hasToPrepare(core)) return;
  const from = endOf(flow.inFlight);
  try {
    fillGaps(core, flow, from);
  } catch {
    // When its turn comes that is found again.
    return;
  }
  const count = mergeCount(core, flow, from);
  if (count === 1) return;
  const batches = flow.queue
    .slice(0, count)
    .map((step) => (step as Extract<Step<B>, { kind: 'data' }>).batch);
  const merged = mergedOf(core, batches);
  if (merged === null) return;
  const within = batches.filter((batch) => batch.lastOffset <= merged.lastOffset);
  flow.queue.splice(0, within.length, { kind: 'data', batch: merged });
  flow.queuedBytes += merged.sizeBytes;
  for (const batch of within) {
    flow.queuedBytes -= batch.sizeBytes;
    batch.release();
  }
}

function endOf<B extends FetchedBatch>({ batch, offset }: PendingAppend<B>): bigint {
  return offset + BigInt(batch.recordCount);
}
