// `lockstep agent`: a member of the fleet that looks after a destination. What it works on, it learns from the control
// topic there; it runs until it is told to stop, and hands over then.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { LogLevel } from '../../agent/log.ts';
import { type ExitCode, exitCodes } from '../../errors.ts';
import { type DestinationOptions, destinationOf, withDestination } from '../fleet/destination.ts';
import { httpAddress } from '../http-address.ts';
import { loadFile } from '../load-file.ts';
import { packageVersion } from '../package-version.ts';
import type { CommandContext, Start } from '../program.ts';

/** The agent itself waits 15 s for appends under way; then it has to end, ms. */
const stopMsMax = 20_000;

interface AgentOptions extends DestinationOptions {
  readonly http?: { readonly host: string; readonly port: number };
  readonly id?: string;
  readonly perPartitionMetrics?: true;
  readonly logLevel: LogLevel;
}

export function agentCommand(start: Start): Command {
  return withDestination(new Command('agent'))
    .description('work for the fleet of a destination until stopped (Ctrl-C or SIGTERM)')
    .option('--http <host:port>', 'where its API and metrics listen; default: nowhere', httpAddress)
    .option('--id <name>', 'different for each agent of a fleet; default: made of the host’s name', agentName)
    .option('--per-partition-metrics', 'metrics of every partition, not only of every topic')
    .addOption(
      new Option('--log-level <level>', 'what it tells')
        .choices(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .action((options: AgentOptions) => start((context) => run(options, context), { stopMsMax }));
}

/** As names of links: it is part of a key in the control topic. */
function agentName(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(text)) return text;
  throw new InvalidArgumentError("Expected letters, digits, '.', '_' and '-'.");
}

async function run(options: AgentOptions, context: CommandContext): Promise<ExitCode> {
  const destination = await destinationOf(options, context);
  const agentFile = options.file === undefined ? undefined : await loadFile(options.file, context);
  const [{ createLog }, { runFleetAgent }] = await Promise.all([
    import('../../agent/log.ts'),
    import('../../agent/index.ts'),
  ]);
  const agentId = options.id ?? defaultId();
  await runFleetAgent({
    destination,
    agentId,
    version: packageVersion(),
    http: options.http ?? null,
    signal: context.signal,
    log: createLog({ level: options.logLevel, agent: agentId }),
    ...(agentFile && { agentFile }),
    perPartitionMetrics: options.perPartitionMetrics === true,
    environment: context.environment,
  });
  return exitCodes.ok;
}

/** Two agents on one host must not be taken for one. */
function defaultId(): string {
  const host = hostname()
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 80);
  return `${/^[A-Za-z0-9]/.test(host) ? host : `agent-${host}`}-${randomBytes(3).toString('hex')}`;
}
