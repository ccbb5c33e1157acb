// Records that come back to where they were first written: before the first batch of a mirror's is planned it is asked where it
// comes from (returning.ts says which), and nothing is copied while the answer is that it returns.
import type { MachineCore } from './machine-core.ts';
import type { ReturnQuestion, ReturnVerdict } from './returning.ts';
import type { FetchedBatch, Flow } from './state.ts';

export function questionOf<B extends FetchedBatch>(
  core: MachineCore<B>,
  flow: Flow<B>,
  batch: B,
): ReturnQuestion | null {
  if (core.returning === null || batch.lastOffset < flow.plannedEnd) return null;
  return core.returning.questionOf(batch);
}

/** What is planned goes on; nothing is read before the answer. */
export function askReturn<B extends FetchedBatch>(
  core: MachineCore<B>,
  flow: Flow<B>,
  question: ReturnQuestion,
): void {
  flow.returning = { question, verdict: null };
  core.act({ type: 'stopFetching' });
  core.act({ type: 'askReturn', round: core.round, question });
}

export function returnAnswered<B extends FetchedBatch>(core: MachineCore<B>, verdict: ReturnVerdict): void {
  const { state } = core;
  if (state.name === 'LoopDetected') {
    if (verdict.kind === 'returns') return loopAgain(core, verdict.reason);
    core.returning?.pass(state.question, verdict.until);
    return core.readDestination();
  }
  const { flow } = core;
  if (state.name !== 'Mirroring' || flow === null || flow.returning === null) return;
  if (verdict.kind === 'returns') {
    flow.returning.verdict = verdict;
    return;
  }
  core.returning?.pass(flow.returning.question, verdict.until);
  flow.returning = null;
  core.act({ type: 'startFetching', round: core.round, offset: flow.fetchOffset, lastFetchedEpoch: -1 });
}

export function loopFound<B extends FetchedBatch>(
  core: MachineCore<B>,
  question: ReturnQuestion,
  reason: string,
): void {
  core.drop();
  core.state = { name: 'LoopDetected', reason, question, attempt: 1 };
  core.pause('loop', 1);
}

/** Not copying, so that there is nothing to begin anew: the same is asked again after a while. */
export function loopAgain<B extends FetchedBatch>(core: MachineCore<B>, reason: string): void {
  if (core.state.name !== 'LoopDetected') return;
  const attempt = core.state.attempt + 1;
  core.state = { ...core.state, reason, attempt };
  core.pause('loop', attempt);
}
