// The tree of commands. Each command stands in a file of its own under commands/ and gives an exit code; what
// all of them share is here: --stack, wrong flags, help, and how a failure is told.
import { Command, CommanderError, Option } from 'commander';
import { type ExitCode, exitCodes } from '../errors.ts';
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
  const start: Start = async (work, { stopMsMax = 0 } = {}) => {
    exitCode = await Promise.race([work(context), interruption(context.signal, stopMsMax)]);
  };
  try {
    const program = await buildProgram(start, output, commandsOf(args));
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

/** Each command and how its file is loaded, in the order of the help. */
const commands: Readonly<Record<string, () => Promise<(start: Start) => Command>>> = {
  run: async () => (await import('./commands/run.ts')).runCommand,
  agent: async () => (await import('./commands/agent.ts')).agentCommand,
  links: async () => (await import('./commands/links.ts')).linksCommand,
  mirrors: async () => (await import('./commands/mirrors.ts')).mirrorsCommand,
  status: async () => (await import('./commands/status.ts')).statusCommand,
  switchover: async () => (await import('./commands/switchover.ts')).switchoverCommand,
  failover: async () => (await import('./commands/failover.ts')).failoverCommand,
  loss: async () => (await import('./commands/loss.ts')).lossCommand,
  restore: async () => (await import('./commands/restore.ts')).restoreCommand,
  migrate: async () => (await import('./commands/migrate.ts')).migrateCommand,
  verify: async () => (await import('./commands/verify.ts')).verifyCommand,
  audit: async () => (await import('./commands/audit.ts')).auditCommand,
  rules: async () => (await import('./commands/rules.ts')).rulesCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
  local: async () => (await import('./commands/local.ts')).localCommand,
};

/** An agent runs for years, and keeps what it has loaded: of a command that is named nothing but its own file is. */
function commandsOf([name = '']: readonly string[]): readonly string[] {
  return Object.hasOwn(commands, name) ? [name] : Object.keys(commands);
}

/** Ready to parse. @param names of the commands that it has; default: every command */
export async function buildProgram(
  start: Start,
  output: Output,
  names: readonly string[] = Object.keys(commands),
): Promise<Command> {
  const loaded = await Promise.all(names.map((name) => commands[name]!()));
  const program = new Command('lockstep')
    .description('Topics identical in every region, offset for offset, on stock Apache Kafka.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpCommand('help [command]', 'explain a command')
    .showSuggestionAfterError(true)
    .addHelpText('after', exitCodesHelp);
  for (const command of loaded) program.addCommand(command(start));
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
