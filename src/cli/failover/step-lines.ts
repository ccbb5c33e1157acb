// A move as a person follows it: one line for each step when it has ended, and what it says below it meanwhile.
import type { MoveTeller, ToldStep } from '../../failover/index.ts';
import type { Output } from '../output/output.ts';
import { formatDuration } from '../output/units.ts';

/** Titles are as wide as most of them. */
const titleWidth = 44;

/** Of all moves: what leads back afterwards is not the same for each. */
export const pointOfNoReturnLine = '---- point of no return: from here on it can only go on ----';

/** `3/10  promote the mirrors at eu-west`. */
export function stepTitle({ number, count, title }: ToldStep): string {
  return `${`${number}/${count}`.padStart(5)}  ${title}`;
}

function stepLine(step: ToldStep, took: string, remark: string): string {
  const title = stepTitle(step);
  return `${title} ${'.'.repeat(Math.max(3, titleWidth - title.length))} ${took}${remark === '' ? '' : `  ${remark}`}`;
}

/** Steps go to stdout, or to stderr where stdout is for JSON. */
export function stepTeller(output: Output, options: { readonly isJson: boolean }): MoveTeller {
  const print = (line: string): void => {
    if (options.isJson) output.message(line);
    else output.data(`${line}\n`);
  };
  const clear = (): void => {
    if (output.isTerminal) output.draw('\r\u001b[K');
  };
  let current: string | null = null;
  return {
    begins: (step) => {
      if (step.isPointOfNoReturn) print(pointOfNoReturnLine);
      current = `${stepTitle(step)} ...`;
      if (output.isTerminal) output.draw(current);
    },
    ends: (step) => {
      clear();
      current = null;
      print(stepLine(step, formatDuration(step.tookMs), step.remark));
    },
    fails: (step) => {
      clear();
      current = null;
      print(stepLine(step, formatDuration(step.tookMs), `FAILED: ${step.reason}`));
    },
    say: (line) => {
      clear();
      output.message(`       ${line}`);
      if (output.isTerminal && current !== null) output.draw(current);
    },
  };
}
