// No mirror at all: a mirror's appends and markers from memory, at the same destination (bench/straight-writer.ts). What a
// mirror can reach at most there, whatever it is made of, and what it costs the brokers.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { guardChild } from '../../src/regions/index.ts';
import type { Contestant, Job, Running } from './contestant.ts';

const program = path.join(import.meta.dirname, '../straight-writer.ts');

/** What stands in front of each marker. */
export interface StraightWork {
  readonly records: number;
  /** Size of a record's value. */
  readonly recordBytes: number;
}

export const straight: Contestant = {
  name: 'straight',
  title: 'no mirror: the same appends from memory',
  hasEqualOffsets: true,
  createsTopics: false,
  prepare: async () => null,
  whyNot: ({ destinations, topics }) =>
    destinations.length === 1 && topics.length === 1 ? null : 'it writes to one topic of one destination',
  copyOf: (topic) => topic,
  // As the shape `transactions` has it.
  start: async (job) => startStraight(job, { records: 100, recordBytes: 1024 }),
};

/** Writes until it is ended. */
export function startStraight(
  { directory, destinations, topics, partitions }: Job,
  { records, recordBytes }: StraightWork,
): Running {
  const logFile = path.join(directory, 'straight.log');
  const log = openSync(logFile, 'a');
  try {
    const numbers = [partitions, records, recordBytes].map(String);
    const words = [destinations[0]!.bootstrap.join(','), topics[0]!, ...numbers];
    const child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', log, log] });
    guardChild(child);
    return { child, logFile };
  } finally {
    closeSync(log);
  }
}
