// What the peers written in Go have in common: built when Go is there, a process for each destination, output in a file.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { guardChild, withParentDeathSignal } from '../../src/regions/index.ts';
import { type Built, buildGoProgram, type GoProgram } from '../go/build.ts';
import type { BenchCluster, Contestant, Job, Running } from './contestant.ts';
import { startOneEach } from './one-each.ts';

export interface GoPeer extends Pick<Contestant, 'name' | 'title' | 'copyOf'> {
  readonly program: GoProgram;
  argumentsOf(job: Job, destination: BenchCluster): Promise<string[]>;
}

export function goPeer({ program, argumentsOf, ...peer }: GoPeer): Contestant {
  let building: Promise<Built> | null = null;
  const built = (say: (line: string) => void) => {
    building ??= buildGoProgram(program, say);
    return building;
  };
  return {
    ...peer,
    hasEqualOffsets: false,
    createsTopics: true,
    async prepare(say) {
      const found = await built(say);
      return 'whyNot' in found ? found.whyNot : null;
    },
    async start(job) {
      const found = await built(() => {});
      if ('whyNot' in found) throw new Error(found.whyNot);
      return startOneEach(job, async (each) => {
        const words = await argumentsOf(each, each.destinations[0]!);
        return startProgram(found.file, words, path.join(each.directory, `${peer.name}.log`));
      });
    },
  };
}

function startProgram(file: string, words: string[], logFile: string): Running {
  const log = openSync(logFile, 'a');
  try {
    const [command, args] = withParentDeathSignal(file, words);
    const child = spawn(command, args, { stdio: ['ignore', log, log] });
    guardChild(child);
    return { child, logFile };
  } finally {
    closeSync(log);
  }
}
