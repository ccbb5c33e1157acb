// Gaps that compaction left, filled with copies of the record behind each, where the user asked for that. What is made of
// a batch can be any number of times as large: so it waits as the source has it, and when its turn comes as much is made of
// it as one append takes. The rest of it is made from where that ends; the mirror's end is all that has to be known.
//
//   queue    │ 0 · · · · 5 · · 8 │ · · 11 12 │ 13-20 │
//   append   │ 0 5 5 5 5 5 8 │                           then from 7 on, of both that are left: │ 8 8 11 11 11 12 │
import type { MachineCore } from './machine-core.ts';
import { fillableCount, gaplessCount } from './plan.ts';
import type { FetchedBatch, Flow } from './state.ts';

/** Whether `fillGaps` would do something. */
export function hasToFill<B extends FetchedBatch>(
  { policy }: MachineCore<B>,
  { queue }: Flow<B>,
  from: bigint,
): boolean {
  if (policy.compactionGaps !== 'copies' || queue[0]?.kind !== 'data') return false;
  return gaplessCount(queue.slice(0, 1), from) === 0;
}

/**
 * Puts what goes to `from` in front of the queue, where the first batch can't go there as it lies: a batch without gaps.
 * Those of which nothing is left are given back.
 * @throws when the first one can't be read.
 */
export function fillGaps<B extends FetchedBatch>(core: MachineCore<B>, flow: Flow<B>, from: bigint): void {
  while (hasToFill(core, flow, from)) {
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

function fillCount<B extends FetchedBatch>(core: MachineCore<B>, { queue }: Flow<B>): number {
  const [first] = queue;
  if (first?.kind === 'data' && first.batch.baseOffset < core.aloneBelow) return 1;
  return fillableCount(queue, core.mergedBytesMax);
}
