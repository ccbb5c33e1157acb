// The tree of commands. Each command stands in a file of its own under commands/ and gives an exit code; what
// all of them share is here: --stack, wrong flags, help, and how a failure is told.
import { Command, CommanderError, Option } from 'commander';
import { type ExitCode, exitCodes } from '../errors.ts';
import { agentCommand } from './commands/agent.ts';
import { auditCommand } from './commands/audit.ts';
import { doctorCommand } from './commands/doctor.ts';
import { failoverCommand } from './commands/failover.ts';
import { linksCommand } from './commands/links.ts';
import { localCommand } from './commands/local.ts';
import { lossCommand } from './commands/loss.ts';
import { migrateCommand } from './commands/migrate.ts';
import { mirrorsCommand } from './commands/mirrors.ts';
import { restoreCommand } from './commands/restore.ts';
import { rulesCommand } from './commands/rules.ts';
import { runCommand } from './commands/run.ts';
import { statusCommand } from './commands/status.ts';
import { switchoverCommand } from './commands/switchover.ts';
import { verifyCommand } from './commands/verify.ts';
import { Interrupted, reportFailure } from './fail.ts';
import type { ConnectFleet } from './fleet/fleet.ts';
import type { Output } from './output/output.ts';
import { packageVersion } from './package-version.ts';

/** What a command gets from outside. */
export interface CommandContext {
  readonly output: Output;
  /** Aborted when a person or a supervisor asks the command to end. */
  readonly signal: AbortSignal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Asks the person at the terminal; absent where there is none. */
  readonly ask?: (question: string) => Promise<string>;
  /** How a fleet is reached; tests pass their own. */
  readonly connectFleet?: ConnectFleet;
}

/**
 * The work of one command, started with the program's context. When a person interrupts it, it gets `stopMsMax`
 * to clean up (default 0: it has nothing to leave behind) before the program ends without it.
 */
export type Start = (
  work: (context: CommandContext) => Promise<ExitCode>,
  options?: { stopMsMax?: number },
) => Promise<void>;

/**
 * Runs one command line and gives its exit code; never throws.
 *
 * @param args what stands behind `lockstep` on the command line
 */
export async function runProgram(args: readonly string[], context: CommandContext): Promise<ExitCode> {
  const { output } = context;
  const stack = args.includes('--stack') || (context.environment.LOCKSTEP_STACK ?? '') !== '';
  let exitCode: ExitCode = exitCodes.ok;
  const program = buildProgram(async (work, { stopMsMax = 0 } = {}) => {
    exitCode = await Promise.race([work(context), interruption(context.signal, stopMsMax)]);
  }, output);
  try {
    if (args.length === 0) {
      output.message(program.helpInformation().trimEnd());
      return exitCodes.input;
    }
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (isHelp(error)) return error.exitCode === 0 ? exitCodes.ok : exitCodes.input;
    return reportFailure(context.signal.aborted ? new Interrupted('', { cause: error }) : error, output, {
      stack,
    });
  }
}

/** Every command, ready to parse. */
export function buildProgram(start: Start, output: Output): Command {
  const program = new Command('lockstep')
    .description('Topics identical in every region, offset for offset, on stock Apache Kafka.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpCommand('help [command]', 'explain a command')
    .showSuggestionAfterError(true)
    .addHelpText('after', exitCodesHelp);
  program.addCommand(runCommand(start));
  program.addCommand(agentCommand(start));
  program.addCommand(linksCommand(start));
  program.addCommand(mirrorsCommand(start));
  program.addCommand(statusCommand(start));
  program.addCommand(switchoverCommand(start));
  program.addCommand(failoverCommand(start));
  program.addCommand(lossCommand(start));
  program.addCommand(restoreCommand(start));
  program.addCommand(migrateCommand(start));
  program.addCommand(verifyCommand(start));
  program.addCommand(auditCommand(start));
  program.addCommand(rulesCommand(start));
  program.addCommand(doctorCommand(start));
  program.addCommand(localCommand(start));
  configure(program, output);
  return program;
}

const exitCodesHelp = `
Exit codes: 0 done or yes, 1 the check says no, 2 the input is wrong, 3 a cluster can't be reached or refused,
4 an error of ours.`;

/** The same behaviour for the program and every command below it. */
function configure(command: Command, output: Output): void {
  command
    .exitOverride()
    .helpOption('-h, --help', 'explain this command')
    .configureOutput({
      writeOut: (text) => output.data(text),
      // Messages of errors are printed once, by reportFailure; help that was not asked for is a message too.
      writeErr: (text) => {
        if (!text.startsWith('error:')) output.message(text.trimEnd());
      },
      outputError: () => {},
    });
  if (command.commands.length === 0) {
    command.addOption(new Option('--stack', 'print the stack trace of an error'));
  } else {
    for (const child of command.commands) configure(child, output);
  }
}

const helpCodes: ReadonlySet<string> = new Set([
  'commander.helpDisplayed',
  'commander.help',
  'commander.version',
]);

/** Help or the version were shown: asked for (0), or because a command is missing, as in `lockstep local`. */
function isHelp(error: unknown): error is CommanderError {
  return error instanceof CommanderError && helpCodes.has(error.code);
}

/** Rejects `stopMsMax` after the signal, and never resolves. */
function interruption(signal: AbortSignal, stopMsMax: number): Promise<never> {
  return new Promise((_resolve, reject) => {
    const begin = (): void => {
      setTimeout(() => reject(new Interrupted()), stopMsMax).unref();
    };
    if (signal.aborted) begin();
    else signal.addEventListener('abort', begin, { once: true });
  });
}
