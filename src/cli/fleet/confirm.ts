// The question before what can't be taken back.
import { LockstepError } from '../../errors.ts';
import type { CommandContext } from '../program.ts';

/**
 * Whether to go on. A script says --yes; a person is told what will happen and asked.
 * @throws LockstepError USAGE where there is nobody to ask.
 */
export async function confirmed(
  { output, ask }: Pick<CommandContext, 'output' | 'ask'>,
  { yes, what, consequences }: { yes?: true; what: string; consequences: readonly string[] },
): Promise<boolean> {
  if (yes === true) return true;
  if (ask === undefined)
    throw new LockstepError('USAGE', `${what} has to be confirmed, and there is no terminal: add --yes`);
  for (const line of consequences) output.message(line);
  const answer = await ask(`${what}? Type yes to go on: `);
  if (answer.trim().toLowerCase() === 'yes') return true;
  output.message('lockstep: nothing was done');
  return false;
}
