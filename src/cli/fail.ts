// The end of a command that failed: one clear line on stderr and the exit code of the error's code.
import { CommanderError } from 'commander';
import { type ExitCode, exitCodes, LockstepError } from '../errors.ts';
import type { Output } from './output/output.ts';
import { plural } from './output/units.ts';

/** A person's Ctrl-C or a SIGTERM ended the command before it was through. */
export class Interrupted extends Error {
  override name = 'Interrupted';
}

/** Prints what went wrong and gives the exit code. The stack is printed only when asked for. */
export function reportFailure(error: unknown, output: Output, options: { stack: boolean }): ExitCode {
  const failure = toFailure(error);
  for (const line of failure.lines) output.message(line);
  if (options.stack && error instanceof Error) {
    output.message(error.stack ?? String(error));
    for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
      output.message(`caused by ${cause.stack ?? String(cause)}`);
    }
  }
  return failure.exitCode;
}

function toFailure(error: unknown): { lines: string[]; exitCode: ExitCode } {
  if (error instanceof CommanderError) return { lines: [usageLine(error)], exitCode: exitCodes.input };
  if (error instanceof Interrupted || isAbort(error)) {
    return { lines: ['lockstep: interrupted before it was through'], exitCode: exitCodes.no };
  }
  if (error instanceof LockstepError) return { lines: linesOf(error), exitCode: error.exitCode };
  const words = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    lines: [
      `lockstep: an error of ours (${words}); run it again with --stack and please report what it prints`,
    ],
    exitCode: exitCodes.internal,
  };
}

/** Problem lines begin with file:line:column, where editors and terminals look for it. */
function linesOf(error: LockstepError): string[] {
  // A line per problem, or lines to write into a file.
  if (error.detail.problems === undefined && error.code === 'CONFIG_INVALID')
    return `lockstep: ${error.message}`.split('\n');
  if (error.detail.problems === undefined) return [`lockstep: ${error.message.replace(/\s*\n\s*/g, ' ')}`];
  const lines = error.message.split('\n');
  const count = Number(error.detail.problems);
  return [...lines, `lockstep: ${plural(count, 'problem')} in ${String(error.detail.file)}`];
}

/** commander's message without its own prefix, its suggestion kept, and where to look. */
function usageLine(error: CommanderError): string {
  const words = error.message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\(Did you mean (.*)\?\)/, '- did you mean $1?');
  return `lockstep: ${words} (lockstep --help shows what there is)`;
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
