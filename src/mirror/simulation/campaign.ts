// Many simulated worlds, seed after seed, until enough steps are done or one of them fails.

import type { Failure } from './failure.ts';
import type { Mutation } from './mutation.ts';
import type { Scenario } from './scenarios.ts';
import { scriptOf } from './script.ts';
import type { StrokeKind } from './stroke-kinds.ts';
import { World } from './world.ts';

export interface CampaignOptions {
  /** The first world's seed; the following ones count on. */
  readonly seed: number;
  /** Ends with the world in which this many steps are done. */
  readonly steps: number;
  /** Only this scenario; by default all in turn. */
  readonly scenario?: Scenario;
  readonly mutation?: Mutation;
  /** Told after each world. */
  readonly onProgress?: (progress: CampaignProgress) => void;
}

export interface CampaignProgress {
  readonly steps: number;
  readonly worldCount: number;
}

export interface CampaignResult extends CampaignProgress {
  /** The first failure, and the seed that replays it. */
  readonly failed: { readonly seed: number; readonly scenario: string; readonly failure: Failure } | null;
  readonly fired: Readonly<Partial<Record<StrokeKind, number>>>;
  readonly seen: Readonly<Record<string, number>>;
}

export function runCampaign(options: CampaignOptions): CampaignResult {
  const fired: Partial<Record<StrokeKind, number>> = {};
  const seen: Record<string, number> = {};
  let steps = 0;
  let worldCount = 0;
  for (let seed = options.seed; steps < options.steps; seed++) {
    const script = scriptOf(seed, options.scenario);
    const outcome = new World(script, { mutation: options.mutation ?? {} }).run();
    steps += outcome.steps;
    worldCount += 1;
    addTo(fired, outcome.fired);
    addTo(seen, outcome.seen);
    const { failure } = outcome;
    if (failure !== null) {
      const failed = { seed, scenario: script.scenario.name, failure };
      return { steps, worldCount, failed, fired, seen };
    }
    options.onProgress?.({ steps, worldCount });
  }
  return { steps, worldCount, failed: null, fired, seen };
}

function addTo(sum: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [what, count] of Object.entries(counts)) sum[what] = (sum[what] ?? 0) + count;
}
