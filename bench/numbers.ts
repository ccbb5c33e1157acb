// Numbers of the benchmark's command lines.
import { LockstepError } from '../src/errors.ts';

/** Throws USAGE for what is no whole number from 1 to `max`; `usage` is where all options are told. */
export function wholeNumber(
  name: string,
  text: string,
  { max, usage }: { max: number; usage: string },
): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value <= max) return value;
  throw wrongUsage(`--${name} ${text}: expected a whole number from 1 to ${max}.`, usage);
}

export function wrongUsage(what: string, usage: string, cause?: unknown): LockstepError {
  return new LockstepError('USAGE', `${what}\n\n${usage}`, { cause });
}
