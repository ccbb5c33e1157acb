// What every throughput shape does around its measuring: set a stage, and take it down also when something fails.
import type { ShapeOptions, ShapeResult } from './shape.ts';
import { type Stage, type StageOptions, setStage } from './stage.ts';

export async function shapeOnStage(
  options: ShapeOptions,
  stageOptions: StageOptions,
  measure: (stage: Stage) => Promise<ShapeResult>,
): Promise<ShapeResult> {
  const stage = await setStage(stageOptions, options.directory, options.say);
  try {
    return await measure(stage);
  } finally {
    await stage.close();
  }
}
