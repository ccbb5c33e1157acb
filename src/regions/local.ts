// `lockstep local up`, `down` and `status`: regions that live on after the command has ended.
// Named local so that nobody types it against production.
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { LockstepError } from '../errors.ts';
import {
  type LocalProcess,
  type LocalState,
  readState,
  readStates,
  regionFolder,
  stateOf,
  writeState,
} from './local-state.ts';
import { isPortFree } from './ports.ts';
import { isSameProcess, type ProcessIdentity } from './process-identity.ts';
import type { OnProgress } from './progress.ts';
import { createRegion, defaultKafkaVersion, type RegionStatus } from './region.ts';

/** One region as the `local` part of lockstep.yaml declares it. */
export type RegionSpec = {
  readonly name: string;
  /** Default 4.3.1. */
  readonly kafkaVersion?: string;
  /** Default 1. */
  readonly brokers?: number;
  /** Heap of each process in MiB, default 512. */
  readonly heapMb?: number;
  /** Ports of the brokers, one each; by default free ones, kept over down and up. */
  readonly ports?: readonly number[];
  /** Settings for server.properties. */
  readonly brokerConfig?: Readonly<Record<string, string>>;
};

/** The regions that `local up` starts without a file. */
export const defaultRegionSpecs: readonly RegionSpec[] = [{ name: 'us-east' }, { name: 'eu-west' }];

const stopWaitMs = 20_000;
const pollMs = 100;

/**
 * Starts regions in `<directory>/.lockstep/local/<name>/` and returns once all of them serve. A region that
 * runs already stays as it is; one of which only a part runs is stopped and started again with its data.
 * When one fails, those that this call started are stopped again. Throws as createRegion and Region.start.
 */
export async function localUp(options: {
  regions?: readonly RegionSpec[];
  directory: string;
  onProgress?: OnProgress;
}): Promise<RegionStatus[]> {
  const { regions = defaultRegionSpecs, directory, onProgress = () => {} } = options;
  const started: string[] = [];
  const statuses: RegionStatus[] = [];
  try {
    for (const spec of regions) {
      const before = await readState(directory, spec.name);
      if (before && isWhole(before)) {
        onProgress({ step: `region ${spec.name}`, message: 'runs already' });
        statuses.push(statusOf(directory, before));
        continue;
      }
      if (before) await stopProcesses(before);
      started.push(spec.name);
      statuses.push(await up(spec, directory, before, onProgress));
    }
  } catch (error) {
    for (const name of started) {
      const state = await readState(directory, name).catch(() => null);
      if (state) await stopProcesses(state);
    }
    throw error;
  }
  return statuses;
}

/**
 * Stops exactly the processes that localUp started in this directory; their data stays for the next up unless
 * `removeData`. Returns the regions that were remembered.
 */
export async function localDown(options: {
  directory: string;
  removeData?: boolean;
  onProgress?: OnProgress;
}): Promise<RegionStatus[]> {
  const { directory, removeData = false, onProgress = () => {} } = options;
  const states = await readStates(directory);
  return Promise.all(
    states.map(async (state) => {
      const step = `region ${state.name}`;
      const stopped = await stopProcesses(state);
      const after = { ...state, processes: state.processes.map((each) => ({ ...each, process: null })) };
      if (removeData) await rm(regionFolder(directory, state.name), { recursive: true, force: true });
      else await writeState(directory, after);
      onProgress({
        step,
        message: `${stopped === 0 ? 'was not running' : 'stopped'}${removeData ? ', data removed' : ''}`,
      });
      return statusOf(directory, after);
    }),
  );
}

/** The regions this directory remembers and whether their processes run. */
export async function localStatus({ directory }: { directory: string }): Promise<RegionStatus[]> {
  return (await readStates(directory)).map((state) => statusOf(directory, state));
}

async function up(
  spec: RegionSpec,
  directory: string,
  before: LocalState | null,
  onProgress: OnProgress,
): Promise<RegionStatus> {
  const { name, kafkaVersion = defaultKafkaVersion, brokers = 1, heapMb, brokerConfig } = spec;
  if (before && before.kafkaVersion !== kafkaVersion) {
    throw new LockstepError(
      'USAGE',
      `Region ${name} has data of Kafka ${before.kafkaVersion}, and ${kafkaVersion} is asked for; run lockstep local down --remove-data first, or keep the version.`,
    );
  }
  const ports = await portsFor(spec, brokers, before);
  const region = await createRegion({
    name,
    directory: regionFolder(directory, name),
    kafkaVersion,
    brokers,
    outlive: true,
    onProgress,
    ...(ports && { ports }),
    ...(heapMb !== undefined && { heapMb }),
    ...(brokerConfig && { brokerConfig }),
  });
  onProgress({
    step: `region ${name}`,
    message: `starting ${brokers === 1 ? 'a broker' : `${brokers} brokers`} of Kafka ${kafkaVersion}`,
  });
  // Remembered before they serve: an interrupted up leaves nothing that down could not find.
  await region.start({ onLaunched: () => writeState(directory, stateOf(region)) });
  onProgress({ step: `region ${name}`, message: `serves at ${region.bootstrap.join(',')}` });
  return region.status();
}

/** Given ports, else those of the last time as long as all of them are free, else any. */
async function portsFor(
  { ports }: RegionSpec,
  brokers: number,
  before: LocalState | null,
): Promise<readonly number[] | undefined> {
  if (ports) return ports;
  const last = (before?.processes ?? []).filter((each) => each.role === 'broker').map((each) => each.port);
  if (last.length !== brokers) return undefined;
  const free = await Promise.all(last.map((port) => isPortFree(port)));
  return free.every(Boolean) ? last : undefined;
}

function isWhole(state: LocalState): boolean {
  return state.processes.length > 0 && state.processes.every(runs);
}

function runs({ process }: LocalProcess): boolean {
  return process !== null && isSameProcess(process);
}

/** Brokers first, then controllers; SIGTERM, and SIGKILL for what does not end. Returns how many ran. */
async function stopProcesses(state: LocalState): Promise<number> {
  let stopped = 0;
  for (const role of ['broker', 'controller'] as const) {
    const running = state.processes.filter((each) => each.role === role && runs(each));
    stopped += running.length;
    await Promise.all(running.map((each) => (each.process ? stopProcess(each.process) : undefined)));
  }
  return stopped;
}

async function stopProcess(identity: ProcessIdentity): Promise<void> {
  const deadline = Date.now() + stopWaitMs;
  let killed = false;
  signal(identity, 'SIGTERM');
  signal(identity, 'SIGCONT'); // one that a test had frozen could not end otherwise
  while (isSameProcess(identity)) {
    if (!killed && Date.now() > deadline) {
      signal(identity, 'SIGKILL');
      killed = true;
    }
    await sleep(pollMs);
  }
}

function signal(identity: ProcessIdentity, name: NodeJS.Signals): void {
  if (!isSameProcess(identity)) return;
  try {
    process.kill(identity.pid, name);
  } catch {
    // it ended in this very moment
  }
}

function statusOf(directory: string, state: LocalState): RegionStatus {
  const brokers = state.processes.filter((each) => each.role === 'broker');
  return {
    name: state.name,
    kafkaVersion: state.kafkaVersion,
    directory: regionFolder(directory, state.name),
    bootstrap: brokers.map((each) => `${each.host}:${each.port}`),
    brokers: brokers.map((each) => ({
      id: each.id,
      host: each.host,
      port: each.port,
      pid: runs(each) ? (each.process?.pid ?? null) : null,
      state: runs(each) ? 'running' : 'stopped',
    })),
  };
}
