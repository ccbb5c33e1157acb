// `lockstep local up|down|status`: real Kafka regions on this machine, for trying and testing.
import { Command, InvalidArgumentError } from 'commander';
import { type ExitCode, exitCodes } from '../../errors.ts';
import type { RegionSpec, RegionStatus } from '../../regions/index.ts';
import { loadFile } from '../load-file.ts';
import { formatJson } from '../output/json.ts';
import { formatTable } from '../output/table.ts';
import type { CommandContext, Start } from '../program.ts';
import { regionProgress } from '../region-progress.ts';

interface LocalOptions {
  readonly directory: string;
  readonly json?: true;
  readonly kafkaVersion?: string;
  readonly removeData?: true;
}

export function localCommand(start: Start): Command {
  const local = new Command('local').description(
    'real Kafka regions on this machine, for trying and testing',
  );
  local.addCommand(
    withCommonOptions(new Command('up'))
      .description('start the regions of a file, or us-east and eu-west, and wait until they answer')
      .argument('[file]', 'lockstep.yaml; its `local` section says how each cluster runs')
      .option('--kafka-version <version>', 'version of Apache Kafka for all regions', parseVersion)
      .action((file: string | undefined, options: LocalOptions) =>
        start((context) => up(file, options, context)),
      ),
  );
  local.addCommand(
    withCommonOptions(new Command('down'))
      .description('stop what `local up` started in this folder; the data stays')
      .option('--remove-data', 'remove the data too')
      .action((options: LocalOptions) => start((context) => down(options, context))),
  );
  local.addCommand(
    withCommonOptions(new Command('status'))
      .description('show the regions of this folder; exit code 1 unless all of them run')
      .action((options: LocalOptions) => start((context) => status(options, context))),
  );
  return local;
}

function withCommonOptions(command: Command): Command {
  return command
    .option('--directory <folder>', 'the folder whose .lockstep/local holds the regions', '.')
    .option('--json', 'print JSON');
}

async function up(
  file: string | undefined,
  options: LocalOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { localUp, defaultRegionSpecs } = await import('../../regions/index.ts');
  const declared: readonly RegionSpec[] =
    file === undefined ? defaultRegionSpecs : Object.values((await loadFile(file, context)).local);
  const { kafkaVersion } = options;
  const regions = declared.map((spec) => (kafkaVersion === undefined ? spec : { ...spec, kafkaVersion }));
  const { onProgress, end } = regionProgress(context.output);
  try {
    const statuses = await localUp({ regions, directory: options.directory, onProgress });
    end();
    print(statuses, options, context);
    return exitCodes.ok;
  } finally {
    end();
  }
}

async function down(options: LocalOptions, context: CommandContext): Promise<ExitCode> {
  const { localDown } = await import('../../regions/index.ts');
  const { onProgress, end } = regionProgress(context.output);
  try {
    const removeData = options.removeData === true;
    const statuses = await localDown({ directory: options.directory, removeData, onProgress });
    end();
    if (options.json === true) context.output.data(formatJson({ regions: statuses }));
    else if (statuses.length === 0) context.output.message('lockstep: no local regions in this folder');
    return exitCodes.ok;
  } finally {
    end();
  }
}

async function status(options: LocalOptions, context: CommandContext): Promise<ExitCode> {
  const { localStatus } = await import('../../regions/index.ts');
  const statuses = await localStatus({ directory: options.directory });
  print(statuses, options, context);
  const running = statuses.flatMap((region) => region.brokers).every((broker) => broker.state === 'running');
  return statuses.length > 0 && running ? exitCodes.ok : exitCodes.no;
}

function print(statuses: readonly RegionStatus[], options: LocalOptions, { output }: CommandContext): void {
  if (options.json === true) {
    output.data(formatJson({ regions: statuses }));
  } else if (statuses.length === 0) {
    output.message('lockstep: no local regions in this folder; lockstep local up starts two');
  } else {
    output.data(formatRegions(statuses));
  }
}

/** One line per broker: what a person copies from is the address. */
function formatRegions(statuses: readonly RegionStatus[]): string {
  const rows = statuses.flatMap((region) =>
    region.brokers.map((broker) => [
      region.name,
      region.kafkaVersion,
      String(broker.id),
      `${broker.host}:${broker.port}`,
      broker.state,
      broker.pid === null ? '-' : String(broker.pid),
      region.directory,
    ]),
  );
  const columns = ['REGION', 'KAFKA', 'BROKER', 'ADDRESS', 'STATE', 'PID', 'FOLDER'];
  const right = new Set(['BROKER', 'PID']);
  return formatTable(
    columns.map((title) => ({ title, align: right.has(title) ? 'right' : 'left' })),
    rows,
  );
}

function parseVersion(text: string): string {
  if (/^\d+\.\d+\.\d+$/.test(text)) return text;
  throw new InvalidArgumentError('Expected a version of Apache Kafka, such as 4.3.1.');
}
