import { expect, test } from 'vitest';
import { manualClock } from '../../../test/support/manual-clock.ts';
import { SharedRuns } from './shared-runs.ts';

function gated() {
  const gates: PromiseWithResolvers<void>[] = [];
  const clock = manualClock();
  const work = () => {
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    return gate.promise;
  };
  return { gates, clock, runs: new SharedRuns(work, { everyMs: 100, clock }) };
}

test('a thousand that ask while a run is under way share the next one, which keeps its distance', async () => {
  const { gates, clock, runs } = gated();
  const first = runs.run();
  const others = Array.from({ length: 1_000 }, () => runs.run());
  await clock.advance(20);
  gates[0]!.resolve();
  await first;
  await clock.advance(79);
  expect(gates).toHaveLength(1);
  others.push(runs.run());
  await clock.advance(1);
  expect(gates).toHaveLength(2);
  gates[1]!.resolve();
  await Promise.all(others);
  expect(gates).toHaveLength(2);
});

test('a run after a pause begins at once', async () => {
  const { gates, clock, runs } = gated();
  const first = runs.run();
  gates[0]!.resolve();
  await first;
  await clock.advance(100);
  void runs.run();
  expect(gates).toHaveLength(2);
});

test('a run that fails fails for those who asked for it, and the next one begins', async () => {
  const { gates, clock, runs } = gated();
  const [first, second] = [runs.run(), runs.run()];
  gates[0]!.reject(new Error('away'));
  await expect(first).rejects.toThrow('away');
  await clock.advance(100);
  gates[1]!.resolve();
  await expect(second).resolves.toBeUndefined();
});
