// Gaps that compaction left: they become holes, or, where the user asked for that, copies of the record behind each. What a
// batch becomes can be any number of times as large: so it waits as the source has it until its turn comes.
//
// Of holes and the stretches between them some hundred are made of one batch at once, of copies as much as one append
// takes, and the rest from where that ends; the mirror's end is all that has to be known.
//
//   queue    │ 0 · · · · 5 · · 8 │ · · 11 12 │ 13-20 │
//   append   │ 0 5 5 5 5 5 8 │                           then from 7 on, of both that are left: │ 8 8 11 11 11 12 │
import type { MachineCore } from './machine-core.ts';
import { fillableCount, gaplessCount, isHeldBy, type Step, stretchesOf } from './plan.ts';
import type { FetchedBatch, Flow } from './state.ts';

/** Whether `fillGaps` would do something. */
export function hasToFill<B extends FetchedBatch>({ queue }: Flow<B>, from: bigint): boolean {
  return queue[0]?.kind === 'data' && gaplessCount(queue.slice(0, 1), from) === 0;
}

/**
 * Puts what goes to `from` in front of the queue, where the first batch can't go there as it lies. Those of which nothing
 * is left are given back.
 * @throws when the first one can't be read.
 */
export function fillGaps<B extends FetchedBatch>(core: MachineCore<B>, flow: Flow<B>, from: bigint): void {
  while (hasToFill(flow, from)) {
    if (core.policy.compactionGaps === 'markers') {
      takeApart(flow, from);
      continue;
    }
    const batches = flow.queue
      .slice(0, fillCount(core, flow))
      .flatMap((step) => (step.kind === 'data' ? [step.batch] : []));
    const [first, ...next] = batches as [B, ...B[]];
    let filled: B | null;
    try {
      filled = first.withoutGaps(from, next, core.mergedBytesMax);
    } catch (error) {
      if (next.length === 0) throw error;
      // One of them can't be read: what is in front of it is copied.
      core.aloneBelow = batches.at(-1)!.lastOffset + 1n;
      continue;
    }
    const used =
      filled === null ? batches : batches.filter(({ lastOffset }) => lastOffset <= filled.lastOffset);
    flow.queue.splice(0, used.length);
    for (const batch of used) {
      flow.queuedBytes -= batch.sizeBytes;
      batch.release();
    }
    if (filled === null) continue;
    flow.queue.unshift({ kind: 'data', batch: filled });
    flow.queuedBytes += filled.sizeBytes;
  }
}

/** The first batch as its stretches and the holes between; a hole at its end goes on in one that follows. */
function takeApart<B extends FetchedBatch>(flow: Flow<B>, from: bigint): void {
  const { batch } = flow.queue[0] as Extract<Step<B>, { kind: 'data' }>;
  const steps = stretchesOf(batch, from);
  const [, ...behind] = flow.queue.splice(0);
  if (steps.at(-1)?.kind === 'hole' && behind[0]?.kind === 'hole') steps.pop();
  for (const step of steps) if (step.kind === 'data') flow.queuedBytes += step.batch.sizeBytes;
  for (const step of [...steps, ...behind]) flow.queue.push(step);
  flow.queuedBytes -= batch.sizeBytes;
  if (!isHeldBy(steps, batch)) batch.release();
}

function fillCount<B extends FetchedBatch>(core: MachineCore<B>, { queue }: Flow<B>): number {
  const [first] = queue;
  if (first?.kind === 'data' && first.batch.baseOffset < core.aloneBelow) return 1;
  return fillableCount(queue, core.mergedBytesMax);
}
