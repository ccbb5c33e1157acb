// A real Kafka cluster of this machine, standing for one region: one to a few brokers under KRaft in a folder
// of their own.
//
// Who votes: with one broker, that broker. With two, a separate controller process, so that either broker may
// die. With three and more, the first three brokers, so that any one of them may die.
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { LockstepError } from '../errors.ts';
import { Broker, type JvmProfile } from './broker.ts';
import { installKafka } from './install.ts';
import { type ClientListener, host, type NodeConfig, type ProxiedListener } from './node-config.ts';
import { findFreePort, isPortFree } from './ports.ts';
import type { OnProgress } from './progress.ts';
import {
  interBrokerListenerOf,
  listenersOf,
  type RegionSecurity,
  scramFormatArgs,
  securityProperties,
} from './security.ts';
import { type ClientTls, makeTlsFiles } from './tls-files.ts';

export const defaultKafkaVersion = '4.3.1';

export type RegionOptions = {
  /** A short name, also in messages: 'us-east'. */
  readonly name: string;
  /** The region's own folder; created when missing, removed by destroy(). */
  readonly directory: string;
  /** Default 4.3.1. */
  readonly kafkaVersion?: string;
  /** Number of brokers, default 1, at most 9. */
  readonly brokers?: number;
  /** Ports for the brokers' first listeners, one per broker; free ones by default. */
  readonly ports?: readonly number[];
  /** One per broker: a further listener, advertised at a proxy's port. */
  readonly proxied?: readonly ProxiedListener[];
  /** Heap of each process in MiB, default 512. */
  readonly heapMb?: number;
  /** Settings of server.properties that win over ours. */
  readonly brokerConfig?: Readonly<Record<string, string>>;
  /** TLS, SASL and ACLs; by default none. */
  readonly security?: RegionSecurity;
  /** 'quick' (default) starts fast; 'throughput' is for benchmarks. */
  readonly jvm?: JvmProfile;
  /** Brokers live on when this process ends; false by default. */
  readonly outlive?: boolean;
  readonly onProgress?: OnProgress;
};

export type RegionStatus = {
  readonly name: string;
  readonly kafkaVersion: string;
  readonly directory: string;
  readonly bootstrap: readonly string[];
  readonly brokers: readonly BrokerStatus[];
};
export type BrokerStatus = {
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly pid: number | null;
  readonly state: 'running' | 'paused' | 'stopped';
};

const brokersMax = 9;
/** Voters of a region of three and more brokers. */
const votersMax = 3;
/** The id of a process that is controller only; far from the brokers' 1, 2, ... */
const controllerId = 100;

export class Region {
  readonly name: string;
  readonly directory: string;
  readonly kafkaVersion: string;
  readonly clusterId: string;
  readonly brokers: readonly Broker[];
  /** The separate controller of a region of two brokers. */
  readonly controllers: readonly Broker[];
  /** What a client needs to trust the region, where it has TLS. */
  readonly tls: ClientTls | null;

  constructor(parts: {
    name: string;
    directory: string;
    kafkaVersion: string;
    clusterId: string;
    brokers: readonly Broker[];
    controllers: readonly Broker[];
    tls: ClientTls | null;
  }) {
    this.name = parts.name;
    this.directory = parts.directory;
    this.kafkaVersion = parts.kafkaVersion;
    this.clusterId = parts.clusterId;
    this.brokers = parts.brokers;
    this.controllers = parts.controllers;
    this.tls = parts.tls;
  }

  /** host:port of every broker's first listener. */
  get bootstrap(): string[] {
    return this.brokers.map((broker) => `${broker.host}:${broker.port}`);
  }

  /** host:port of every broker's listener of that name; empty when the region has none. */
  bootstrapOf(listener: ClientListener): string[] {
    return this.brokers.flatMap((broker) => {
      const port = broker.portOf(listener);
      return port === undefined ? [] : [`${broker.host}:${port}`];
    });
  }

  /**
   * Starts what does not run and waits until every broker serves. On failure nothing is left running.
   * `onLaunched` is awaited between: the processes exist, but may not serve yet.
   */
  async start({ onLaunched }: { onLaunched?: () => Promise<void> } = {}): Promise<void> {
    const all = [...this.controllers, ...this.brokers];
    try {
      await Promise.all(all.map((broker) => broker.launch()));
      await onLaunched?.();
      await Promise.all(this.brokers.map((broker) => broker.ready()));
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  /** Stops every broker cleanly, then the controllers. */
  async stop(): Promise<void> {
    await Promise.all(this.brokers.map((broker) => broker.stop()));
    await Promise.all(this.controllers.map((controller) => controller.stop()));
  }

  /** The region is lost: every process is killed at once. */
  async kill(): Promise<void> {
    await Promise.all([...this.brokers, ...this.controllers].map((broker) => broker.kill()));
  }

  /** Kills every process and removes the folder. */
  async destroy(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }

  status(): RegionStatus {
    return {
      name: this.name,
      kafkaVersion: this.kafkaVersion,
      directory: this.directory,
      bootstrap: this.bootstrap,
      brokers: this.brokers.map((broker) => ({
        id: broker.id,
        host: broker.host,
        port: broker.port,
        pid: broker.pid,
        state: broker.isPaused ? 'paused' : broker.isRunning ? 'running' : 'stopped',
      })),
    };
  }
}

/**
 * Lays out a region; nothing runs before start(). A folder that held a region of the same name before is
 * taken up again with its data.
 * Throws TOOL_MISSING or DOWNLOAD_FAILED from the installation, USAGE for impossible options, REGION_FAILED
 * when a given port is taken.
 */
export async function createRegion(options: RegionOptions): Promise<Region> {
  const { name, brokers: brokerCount = 1, kafkaVersion = defaultKafkaVersion, onProgress } = options;
  checkOptions(options, brokerCount);
  const installation = await installKafka({ version: kafkaVersion, ...(onProgress && { onProgress }) });
  const directory = path.resolve(options.directory);
  await mkdir(directory, { recursive: true });

  const brokerIds = Array.from({ length: brokerCount }, (_, index) => index + 1);
  const voterIds = brokerCount === 2 ? [controllerId] : brokerIds.slice(0, votersMax);
  const voters: { id: number; port: number }[] = [];
  for (const id of voterIds) voters.push({ id, port: await findFreePort() });
  const security = options.security ?? {};
  const listeners = listenersOf(security);
  const tls = security.tls ? await makeTlsFiles(path.join(directory, 'tls')) : null;
  const clusterId = (await formattedClusterId(directory)) ?? newClusterId();

  const makeNode = async (id: number): Promise<Broker> => {
    const isVoter = voterIds.includes(id);
    const isBroker = brokerIds.includes(id);
    const nodeDirectory = path.join(directory, isBroker ? `broker-${id}` : `controller-${id}`);
    const ports: Partial<Record<ClientListener, number>> = {};
    for (const [index, listener] of (isBroker ? listeners : []).entries()) {
      ports[listener] = await brokerPort(name, index === 0 ? options.ports?.[id - 1] : undefined);
    }
    const config: NodeConfig = {
      id,
      roles: isBroker ? (isVoter ? 'broker,controller' : 'broker') : 'controller',
      dataDirectory: path.join(nodeDirectory, 'data'),
      ports,
      proxied: isBroker ? options.proxied?.[id - 1] : undefined,
      controllerPort: voters.find((voter) => voter.id === id)?.port ?? null,
      voters,
      interBrokerListener: interBrokerListenerOf(listeners),
      brokerCount,
      securityConfig: securityProperties(security, tls),
      brokerConfig: options.brokerConfig ?? {},
    };
    return new Broker({
      regionName: name,
      clusterId,
      installation,
      directory: nodeDirectory,
      config,
      heapMb: options.heapMb ?? 512,
      jvm: options.jvm ?? 'quick',
      formatArgs: scramFormatArgs(security),
      outlive: options.outlive ?? false,
    });
  };
  const brokers = [];
  for (const id of brokerIds) brokers.push(await makeNode(id));
  const controllers = [];
  for (const id of voterIds.filter((voter) => !brokerIds.includes(voter)))
    controllers.push(await makeNode(id));
  return new Region({
    name,
    directory,
    kafkaVersion,
    clusterId,
    brokers,
    controllers,
    tls: tls?.client ?? null,
  });
}

function checkOptions({ name, ports }: RegionOptions, brokerCount: number): void {
  if (!/^[A-Za-z0-9._-]{1,100}$/.test(name)) {
    throw new LockstepError(
      'USAGE',
      `Region name ${JSON.stringify(name)}: expected letters, digits, '.', '_' and '-'.`,
    );
  }
  if (!Number.isInteger(brokerCount) || brokerCount < 1 || brokerCount > brokersMax) {
    throw new LockstepError('USAGE', `Region ${name}: ${brokerCount} brokers; expected 1 to ${brokersMax}.`);
  }
  if (ports && ports.length !== brokerCount) {
    throw new LockstepError(
      'USAGE',
      `Region ${name}: ${ports.length} ports for ${brokerCount} brokers; expected one each.`,
    );
  }
}

async function brokerPort(region: string, wanted: number | undefined): Promise<number> {
  if (wanted === undefined) return findFreePort();
  if (await isPortFree(wanted)) return wanted;
  throw new LockstepError(
    'REGION_FAILED',
    `Region ${region}: port ${wanted} of ${host} is in use by another program; free it or give another port.`,
    { detail: { region, port: wanted } },
  );
}

/** The cluster id of a folder that was a region before: its data belongs to that cluster only. */
async function formattedClusterId(directory: string): Promise<string | null> {
  try {
    const meta = await readFile(path.join(directory, 'broker-1', 'data', 'meta.properties'), 'utf8');
    return /^cluster\.id=(.+)$/m.exec(meta)?.[1] ?? null;
  } catch {
    return null;
  }
}

/** A cluster id in Kafka's form: 16 bytes, base64url. */
function newClusterId(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] ?? 0) & 0x7f; // a leading '-' in the text would be taken for an option of StorageTool
  return bytes.toString('base64url');
}
