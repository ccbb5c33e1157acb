// Lockstep as a user runs it: `lockstep run FILE`, one process, defaults, acks=all, identical offsets.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { guardChild } from '../../src/regions/index.ts';
import { type Stage, topic } from '../stage.ts';
import type { Contestant } from './contestant.ts';

/** The compiled program, as npm ships it; bench/main.ts makes it. */
const program = path.resolve(import.meta.dirname, '../../dist/cli/main.js');
/** As bin/lockstep.mjs runs it. */
const leanFlags = ['--max-semi-space-size=2', '--heap-growing-percent=30'];

const profileFlags = [
  '--cpu-prof',
  '--cpu-prof-name=lockstep.cpuprofile',
  `--cpu-prof-dir=${path.resolve(import.meta.dirname, '../results')}`,
];

export function lockstep({ profile }: { profile: boolean }): Contestant {
  return {
    copyTopic: topic,
    title: 'Lockstep',
    async start(stage: Stage) {
      const file = path.join(stage.directory, 'lockstep.yaml');
      await writeFile(file, lockstepYaml(stage.source.bootstrap, stage.destination.bootstrap));
      return startLockstep(file, path.join(stage.directory, 'lockstep.log'), profile ? profileFlags : []);
    },
  };
}

/** Runs the agent with the project's Node, its output in a file. */
export function startLockstep(
  yamlFile: string,
  logFile: string,
  nodeFlags: readonly string[],
  words: readonly string[] = [],
): ChildProcess {
  const log = openSync(logFile, 'a');
  try {
    const child = spawn(process.execPath, [...leanFlags, ...nodeFlags, program, 'run', yamlFile, ...words], {
      stdio: ['ignore', log, log],
    });
    guardChild(child);
    return child;
  } finally {
    closeSync(log);
  }
}

function lockstepYaml(source: readonly string[], destination: readonly string[]): string {
  return `version: 1
clusters:
  us-east:
    bootstrap: [${source.map((address) => `"${address}"`).join(', ')}]
  eu-west:
    bootstrap: [${destination.map((address) => `"${address}"`).join(', ')}]
links:
  bench:
    source: us-east
    destination: eu-west
    topics: [${topic}]
`;
}
