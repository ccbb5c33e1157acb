// What starting a region says while one waits: downloads as a bar, the rest as lines.
import type { OnProgress } from '../regions/index.ts';
import type { Output } from './output/output.ts';
import { ProgressLine } from './output/progress.ts';

/** Call `end` when the work is over, also after a failure. */
export function regionProgress(output: Output): { onProgress: OnProgress; end: () => void } {
  const line = new ProgressLine(output);
  return {
    onProgress: ({ step, message, doneCount, totalCount }) => {
      if (doneCount !== undefined && totalCount !== undefined) {
        line.update({ label: step, done: doneCount, total: totalCount, detail: message });
        if (doneCount < totalCount) return;
      }
      line.end();
      output.message(`${step}: ${message}`);
    },
    end: () => line.end(),
  };
}
