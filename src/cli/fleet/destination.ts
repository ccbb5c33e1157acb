// Where the fleet is: the destination's addresses on the command line, a file with one cluster, or one of lockstep.yaml.
import type { Command } from 'commander';
import { type BrokerAddress, type ClusterConfig, formatAddress } from '../../client/config.ts';
import { LockstepError } from '../../errors.ts';
import { isProblem, parseAddress } from '../../topology/bootstrap.ts';
import { readClusterFile } from '../../topology/cluster-file.ts';
import { nearestName, type Topology } from '../../topology/index.ts';
import { loadFile } from '../load-file.ts';
import type { CommandContext } from '../program.ts';
import { connectFleet, type Fleet } from './fleet.ts';

export interface DestinationOptions {
  readonly bootstrapServer?: string;
  readonly clusterConfig?: string;
  readonly file?: string;
  readonly cluster?: string;
}

/** What the destination is called where no file gives it a name. */
const unnamed = 'destination';

export function withDestination(command: Command): Command {
  return command
    .option('--bootstrap-server <addresses>', 'brokers of the destination, host:port,...')
    .option(
      '--cluster-config <file>',
      'YAML with the keys of a cluster in lockstep.yaml: bootstrap, tls, sasl',
    )
    .option('--file <file>', 'lockstep.yaml that has the destination under clusters:')
    .option('--cluster <name>', 'which cluster of --file; default: the only destination of its links');
}

/** @throws LockstepError USAGE, FILE_UNREADABLE or CONFIG_INVALID */
export async function destinationOf(
  options: DestinationOptions,
  context: CommandContext,
): Promise<ClusterConfig> {
  const { bootstrapServer, clusterConfig, file, cluster } = options;
  if (file !== undefined) {
    if (bootstrapServer !== undefined || clusterConfig !== undefined)
      throw new LockstepError('USAGE', '--file goes without --bootstrap-server and --cluster-config');
    return clusterOfFile(await loadFile(file, context), cluster);
  }
  if (cluster !== undefined) throw new LockstepError('USAGE', '--cluster goes with --file');
  const bootstrap =
    bootstrapServer === undefined ? undefined : addressesOf(bootstrapServer, '--bootstrap-server');
  if (clusterConfig !== undefined) {
    const texts = bootstrap?.map(formatAddress);
    const read = readClusterFile(clusterConfig, { name: unnamed, ...(texts && { bootstrap: texts }) });
    const { config, warnings } = read.resolve(context.environment);
    for (const warning of warnings) context.output.message(`${warning} (warning)`);
    return config;
  }
  if (bootstrap === undefined) {
    throw new LockstepError(
      'USAGE',
      'which destination? Name it with --bootstrap-server HOST:PORT, --cluster-config FILE, or --file lockstep.yaml',
    );
  }
  return { name: unnamed, bootstrap };
}

/** The addresses of a list, each checked. @throws LockstepError USAGE naming the option. */
export function addressesOf(list: string, option: string): BrokerAddress[] {
  const texts = list
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '');
  if (texts.length === 0) throw new LockstepError('USAGE', `${option}: expected host:port,...`);
  return texts.map((text) => {
    const address = parseAddress(text);
    if (!isProblem(address)) return address;
    throw new LockstepError('USAGE', `${option}: found ${address.found}, expected ${address.expected}`);
  });
}

function clusterOfFile(topology: Topology, name: string | undefined): ClusterConfig {
  const names = Object.keys(topology.clusters);
  const wanted = name ?? onlyDestination(topology);
  const config = Object.hasOwn(topology.clusters, wanted) ? topology.clusters[wanted] : undefined;
  if (config !== undefined) return config;
  const meant = nearestName(wanted, names);
  const hint = meant === undefined ? `it has ${names.join(', ')}` : `did you mean ${meant}?`;
  throw new LockstepError('USAGE', `${topology.file} has no cluster ${wanted}; ${hint}`);
}

function onlyDestination({ file, links, clusters }: Topology): string {
  const destinations = [...new Set(Object.values(links).map((link) => link.destination))];
  if (destinations.length === 1) return destinations[0]!;
  const choices = destinations.length > 1 ? destinations : Object.keys(clusters);
  throw new LockstepError('USAGE', `${file}: which destination? --cluster is one of ${choices.join(', ')}`);
}

/** Does the work with the fleet of the destination, and leaves it. */
export async function withFleet<T>(
  options: DestinationOptions,
  context: CommandContext,
  work: (fleet: Fleet) => Promise<T>,
): Promise<T> {
  const config = await destinationOf(options, context);
  const connect = context.connectFleet ?? connectFleet;
  const fleet = await connect(config, (text) => context.output.message(`lockstep: warning: ${text}`));
  try {
    return await work(fleet);
  } finally {
    await fleet.close();
  }
}
