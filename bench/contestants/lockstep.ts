// Lockstep as a user runs it: `lockstep run FILE`, one process, defaults, acks=all, identical offsets.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { findFreePort, guardChild } from '../../src/regions/index.ts';
import { program } from '../program.ts';
import type { BenchCluster, Contestant, Job, Running } from './contestant.ts';
import { startOneEach } from './one-each.ts';

/** As bin/lockstep.mjs runs it. */
const leanFlags = ['--max-semi-space-size=2', '--heap-growing-percent=30'];
const leanEnvironment = { MALLOC_ARENA_MAX: '1' };
/** Linux gives a process with this niceness about 28 times the share of a core that others get. */
const favouredNiceness = -15;

export const lockstep: Contestant = {
  name: 'lockstep',
  title: 'Lockstep',
  hasEqualOffsets: true,
  createsTopics: true,
  // What it knows of the mirrors of the run before, whose topics are deleted.
  leftovers: ['__lockstep'],
  prepare: async () => null,
  copyOf: (topic) => topic,
  start: (job) => startJob(job, []),
};

/**
 * The same with a larger share of the processor than everybody else: where this changes nothing, Lockstep did not wait for
 * processor time, and the brokers are what limits it.
 */
export const favouredLockstep: Contestant = {
  ...lockstep,
  name: 'lockstep-favoured',
  title: `Lockstep, nice ${favouredNiceness}`,
  prepare: async () =>
    process.getuid?.() === 0 ? null : 'raising a share of the processor takes the rights of root',
  start: (job) => startJob(job, ['nice', '-n', String(favouredNiceness)]),
};

/** The same where gaps that compaction left may become copies of the record behind them, which consumers see. */
export const copyingLockstep: Contestant = {
  ...lockstep,
  name: 'lockstep-copies',
  title: 'Lockstep, compactionGaps: copies',
  start: (job) => startJob(job, [], '    compactionGaps: copies\n'),
};

/** The same with an agent for each destination instead of one for all. */
export const lockstepEach: Contestant = {
  ...lockstep,
  name: 'lockstep-each',
  title: 'Lockstep, an agent each',
  start: (job) => startOneEach(job, (each) => startJob(each, [])),
};

async function startJob(job: Job, before: readonly string[], linkLines = ''): Promise<Running> {
  const yamlFile = path.join(job.directory, 'lockstep.yaml');
  const logFile = path.join(job.directory, 'lockstep.log');
  await writeFile(yamlFile, lockstepYaml(job, linkLines));
  const http = `127.0.0.1:${await findFreePort()}`;
  const flags = job.profileFile === null ? [] : profileFlags(job.profileFile);
  const child = startLockstep(yamlFile, logFile, flags, ['--http', http], before);
  return { child, logFile, metricsUrl: `http://${http}/metrics` };
}

function profileFlags(file: string): string[] {
  return ['--cpu-prof', `--cpu-prof-name=${path.basename(file)}`, `--cpu-prof-dir=${path.dirname(file)}`];
}

/** Runs the agent with the project's Node, its output in a file. `before`: a command that replaces itself by it. */
export function startLockstep(
  yamlFile: string,
  logFile: string,
  nodeFlags: readonly string[],
  words: readonly string[] = [],
  before: readonly string[] = [],
): ChildProcess {
  const log = openSync(logFile, 'a');
  try {
    const all = [...before, process.execPath, ...leanFlags, ...nodeFlags, program, 'run', yamlFile, ...words];
    const child = spawn(all[0]!, all.slice(1), {
      stdio: ['ignore', log, log],
      env: { ...leanEnvironment, ...process.env },
    });
    guardChild(child);
    return child;
  } finally {
    closeSync(log);
  }
}

export function lockstepYaml(
  { source, destinations, topics, replicationFactor }: Job,
  linkLines = '',
): string {
  const links = destinations.map(
    ({ name }) => `  to-${name}:
    source: ${source.name}
    destination: ${name}
    topics: ${JSON.stringify(topics)}
    replicationFactor: ${replicationFactor}
${linkLines}`,
  );
  return `version: 1
clusters:
${[source, ...destinations].map(clusterYaml).join('')}links:
${links.join('')}`;
}

function clusterYaml({ name, bootstrap, tls }: BenchCluster): string {
  return `  ${name}:
    bootstrap: ${JSON.stringify(bootstrap)}
${tls === null ? '' : `    tls: { ca: ${JSON.stringify(tls.caFile)} }\n`}`;
}
