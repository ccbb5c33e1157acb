// A command sent to the fleet, and its answer told: what was changed, or would be, and how promotions ended.
import type { AnswerRecord, Change, CommandBody } from '../../control/index.ts';
import { type ExitCode, errorCodes, exitCodes, LockstepError } from '../../errors.ts';
import { formatJson } from '../output/json.ts';
import type { CommandContext } from '../program.ts';
import { describePromoted } from './describe.ts';
import type { Fleet } from './fleet.ts';
import { promotedRemarks, promotedTable } from './promotion.ts';

/** What every command that changes something takes. */
export interface ChangeOptions {
  readonly dryRun?: true;
  readonly json?: true;
}

/** `link us-to-eu`. */
const plainTitle = ({ what, name }: Change): string => `${what} ${name}`;

/** An answer that does not wait for mirrors comes within moments, ms. */
export const answerMsMax = 30_000;

export interface CarryOutOptions extends ChangeOptions {
  readonly timeoutMs?: number;
  /** Ended before anything is printed: what is drawn over must not be drawn over the answer. */
  readonly progress?: { end(): void } | null;
  /** What a change is of, where its kind and name say too little. Default: those, `link us-to-eu`. */
  readonly titleOf?: (change: Change) => string;
}

/** @throws LockstepError with the answer's code where it was refused. */
export async function carryOut(
  fleet: Fleet,
  body: CommandBody,
  { output, signal }: CommandContext,
  options: CarryOutOptions,
): Promise<ExitCode> {
  const isDryRun = options.dryRun === true;
  const { titleOf = plainTitle } = options;
  let answer: AnswerRecord;
  try {
    answer = await fleet.send(body, { timeoutMs: options.timeoutMs ?? answerMsMax, isDryRun, signal });
  } catch (error) {
    options.progress?.end();
    if (signal.aborted && !isDryRun)
      output.message('lockstep: the fleet goes on with it; lockstep mirrors list shows how far it is');
    throw error;
  }
  options.progress?.end();
  const outcome = outcomeOf(answer, isDryRun);
  if (options.json === true) output.data(formatJson(outcome));
  acceptedAnswer(answer);
  if (options.json !== true) {
    for (const change of answer.changes) output.data(changeLines(change, { isDryRun, titleOf }));
    if (outcome.promoted.length > 0) output.data(promotedTable(outcome.promoted, fleet.nowMs()));
  }
  for (const remark of promotedRemarks(outcome.promoted)) output.message(`lockstep: ${remark}`);
  // Changes have been told one by one; where there are none the leader says why, and for promotions what it noticed.
  if (answer.changes.length === 0 || outcome.promoted.length > 0)
    output.message(`lockstep: ${answer.message}`);
  if (isDryRun) output.message('lockstep: a dry run: nothing was changed');
  return exitCodes.ok;
}

/** @throws LockstepError with the answer's code where it was refused. */
export function acceptedAnswer(answer: AnswerRecord): AnswerRecord {
  if (answer.state !== 'refused') return answer;
  const code = answer.code !== undefined && Object.hasOwn(errorCodes, answer.code) ? answer.code : 'USAGE';
  throw new LockstepError(code, answer.message);
}

/** An answer as programs get it. */
function outcomeOf(answer: AnswerRecord, isDryRun: boolean) {
  return {
    state: answer.state,
    isDryRun,
    ...(answer.code !== undefined && { code: answer.code }),
    message: answer.message,
    changes: answer.changes,
    promoted: (answer.promoted ?? []).map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(describePromoted),
    })),
  };
}

const actionWords: Readonly<Record<Change['action'], readonly [did: string, would: string]>> = {
  create: ['created', 'would be created'],
  alter: ['altered', 'would be altered'],
  delete: ['deleted', 'would be deleted'],
  pause: ['paused', 'would be paused'],
  resume: ['resumed', 'would be resumed'],
  promote: ['promoted', 'would be promoted'],
  none: ['unchanged', 'would stay unchanged'],
};

/** `link us-to-eu altered`, and below it what differs. */
export function changeLines(
  change: Change,
  { isDryRun, titleOf }: { isDryRun: boolean; titleOf: (change: Change) => string },
): string {
  const { action, details } = change;
  const words = Object.hasOwn(actionWords, action) ? actionWords[action] : ([action, action] as const);
  return [`${titleOf(change)} ${words[isDryRun ? 1 : 0]}`, ...details.map((detail) => `  ${detail}`)]
    .map((line) => `${line}\n`)
    .join('');
}
