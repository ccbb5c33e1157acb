// What `run` tells of a file of MirrorMaker 2: what becomes of its properties, grouped by the sentence, and the lines that
// would start the flows that are not enabled.
import type { Remark } from './classify.ts';
import { arrow, type Flow } from './settings.ts';

/** Keys named in one line, and flows in one list; more are counted. */
const keysMax = 4;
const flowsMax = 12;

export interface FlowStanding {
  readonly flow: Flow;
  readonly isEnabled: boolean;
  /** Line of the property that says so; absent where none does. */
  readonly line?: number;
}

const verdictWords = { differs: 'differs', notNeeded: 'not needed', honoured: '', refused: '' } as const;

export function notesOf(file: string, remarks: readonly Remark[], flows: readonly FlowStanding[]): string[] {
  const order = ['differs', 'notNeeded'] as const;
  return [
    ...order.flatMap((verdict) =>
      [...Map.groupBy(remarks, ({ row }) => (row.verdict === verdict ? row.what : ''))]
        .filter(([what]) => what !== '')
        .map(([what, same]) => remarkLine(file, same, what)),
    ),
    ...flowLines(file, flows),
  ];
}

function remarkLine(file: string, remarks: readonly Remark[], what: string): string {
  const shown = remarks.slice(0, keysMax);
  const lines = shown.map(({ property }) => property.line).join(',');
  const keys = shown.map(({ property }) => property.key).join(', ');
  const more = remarks.length > keysMax ? ` and ${remarks.length - keysMax} more` : '';
  const { verdict } = (remarks[0] as Remark).row;
  return `${file}:${lines}: ${keys}${more}: ${verdictWords[verdict]}: ${what}`;
}

/** The exact lines, ready to be copied. */
function flowLines(file: string, flows: readonly FlowStanding[]): string[] {
  const idle = flows.filter(({ isEnabled }) => !isEnabled);
  if (idle.length === 0) return [];
  const isNone = idle.length === flows.length;
  const lines = idle.slice(0, flowsMax).map(({ flow, line }) => {
    const instead = line === undefined ? '' : `   (instead of line ${line})`;
    return `  ${arrow(flow)}.enabled = true${instead}`;
  });
  const head = isNone
    ? `${file}: no flow is enabled (as in MirrorMaker 2, A->B.enabled is false unless the file says true), so that no topic is mirrored; these lines start the flows:`
    : `${file}: flows that are not enabled; these lines start them:`;
  const more = idle.length - flowsMax;
  return [head, ...lines, ...(more > 0 ? [`  and ${more} more of the same kind`] : [])];
}
