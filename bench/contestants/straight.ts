// No mirror at all: a mirror's appends and markers from memory, at the same destination (bench/straight-writer.ts). What a
// mirror can reach at most there, whatever it is made of, and what it costs the brokers.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { guardChild } from '../../src/regions/index.ts';
import type { Contestant } from './contestant.ts';

const program = path.join(import.meta.dirname, '../straight-writer.ts');
/** Records of a transaction, and the size of their values: those of the shape `transactions`. */
const work = { records: 100, recordBytes: 1024 };

export const straight: Contestant = {
  name: 'straight',
  title: 'no mirror: the same appends from memory',
  hasEqualOffsets: true,
  createsTopics: false,
  prepare: async () => null,
  whyNot: ({ destinations, topics }) =>
    destinations.length === 1 && topics.length === 1 ? null : 'it writes to one topic of one destination',
  copyOf: (topic) => topic,
  async start({ directory, destinations, topics, partitions }) {
    const logFile = path.join(directory, 'straight.log');
    const log = openSync(logFile, 'a');
    try {
      const numbers = [partitions, work.records, work.recordBytes].map(String);
      const words = [destinations[0]!.bootstrap.join(','), topics[0]!, ...numbers];
      const child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', log, log] });
      guardChild(child);
      return { child, logFile };
    } finally {
      closeSync(log);
    }
  },
};
