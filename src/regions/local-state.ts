// What `lockstep local` remembers between commands: one file per region, in the region's own folder
// .lockstep/local/<name>/ of the folder where the user stands. A process is remembered with its start time,
// so that no command ever signals a stranger that got a reused process id.
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { LockstepError } from '../errors.ts';
import { type ProcessIdentity, processIdentity } from './process-identity.ts';
import type { Region } from './region.ts';

export type LocalProcess = {
  readonly id: number;
  readonly role: 'broker' | 'controller';
  readonly host: string;
  readonly port: number;
  /** null once it was stopped. */
  readonly process: ProcessIdentity | null;
};
export type LocalState = {
  readonly stateVersion: 1;
  readonly name: string;
  readonly kafkaVersion: string;
  readonly processes: readonly LocalProcess[];
};

/** The folder that holds one folder per local region. */
function localFolder(directory: string): string {
  return path.join(path.resolve(directory), '.lockstep', 'local');
}

export function regionFolder(directory: string, name: string): string {
  return path.join(localFolder(directory), name);
}

/** The state of a region as it runs now. */
export function stateOf(region: Region): LocalState {
  const entry = (role: LocalProcess['role']) => (broker: Region['brokers'][number]) => ({
    id: broker.id,
    role,
    host: broker.host,
    port: broker.port,
    process: broker.pid === null ? null : processIdentity(broker.pid),
  });
  return {
    stateVersion: 1,
    name: region.name,
    kafkaVersion: region.kafkaVersion,
    processes: [...region.brokers.map(entry('broker')), ...region.controllers.map(entry('controller'))],
  };
}

/** Writes beside and renames, so that a reader never sees half a file. */
export async function writeState(directory: string, state: LocalState): Promise<void> {
  const file = stateFile(directory, state.name);
  await mkdir(path.dirname(file), { recursive: true });
  const partial = `${file}.${process.pid}`;
  await writeFile(partial, `${JSON.stringify(state, null, 2)}\n`);
  await rename(partial, file);
}

/** null when there is no such region. Throws FILE_UNREADABLE when the file is not what we wrote. */
export async function readState(directory: string, name: string): Promise<LocalState | null> {
  const file = stateFile(directory, name);
  try {
    const state = JSON.parse(await readFile(file, 'utf8')) as LocalState;
    if (state.stateVersion === 1 && Array.isArray(state.processes)) return state;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
  }
  throw new LockstepError(
    'FILE_UNREADABLE',
    `${file} is not a state file of lockstep local. If no broker of it runs any more, remove its folder.`,
  );
}

/** Every region this folder remembers, by name. */
export async function readStates(directory: string): Promise<LocalState[]> {
  let names: string[] = [];
  try {
    names = (await readdir(localFolder(directory))).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const states = await Promise.all(names.map((name) => readState(directory, name)));
  return states.filter((state) => state !== null);
}

function stateFile(directory: string, name: string): string {
  return path.join(regionFolder(directory, name), 'state.json');
}
