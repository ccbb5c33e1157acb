// A region that was lost comes back: a part of its topics was written to meanwhile, and the others were not. What is copied
// is what the region's agent has sent, to its brokers; what it has read includes what it compares before it goes on.
import { readFileSync } from 'node:fs';
import type { MoveRecord } from '../../src/control/index.ts';
import { Pair } from './pair.ts';
import { loadAverage, type RestoreMeasurement } from './report.ts';

export const restoredTopicCount = 100;
const valueBytes = 64 * 1024;
const recordsPerTopic = 16;

export async function measureRestore(
  divergedCount: number,
  options: { readonly folder: string; readonly say: (line: string) => void },
): Promise<RestoreMeasurement> {
  const { say, folder } = options;
  const shape = { topicCount: restoredTopicCount, partitionsPerTopic: 1 };
  say(`${restoredTopicCount} topics are written and mirrored; ${divergedCount} of them will diverge`);
  await using pair = await Pair.start(shape, { folder, profileFolder: null, valueBytes });
  const { us, eu, topics } = pair;
  const value = Buffer.alloc(valueBytes, 'y');
  await pair.produce(us, topics, { value, count: recordsPerTopic - 1 });
  await pair.settled(us, eu);
  await pair.type('failover', pair.file, '--to', eu.name);
  await pair.produce(us, topics.slice(0, divergedCount), { value: Buffer.from('only here'), count: 1 });
  await pair.produce(eu, topics, { value: Buffer.from('after'), count: 1 });
  const load = loadAverage();
  const agent = pair.agentOf(us).pid!;
  const before = transferred(agent);
  const { typedAtMs, endedAtMs, json } = await pair.type<{ move: MoveRecord }>('restore', us.name, pair.file);
  const after = transferred(agent);
  const agentReadBytes = after.readBytes - before.readBytes;
  const agentSentBytes = after.sentBytes - before.sentBytes;
  await pair.settled(eu, us);
  const { copied } = json.move.facts.found as { copied: readonly unknown[] };
  const measured: RestoreMeasurement = {
    ...{
      topics: restoredTopicCount,
      diverged: divergedCount,
      copiedTopics: copied.length,
      agentReadBytes,
      load,
    },
    ...{ agentReadBytes, agentSentBytes },
    topicBytes: valueBytes * recordsPerTopic,
    tookMs: endedAtMs - typedAtMs,
    steps: json.move.done.map(({ step, tookMs }) => ({ step, ms: tookMs })),
  };
  say(
    `restore: ${measured.copiedTopics} topics copied, the agent sent ${(agentSentBytes / 1e6).toFixed(1)} MB and read ${(agentReadBytes / 1e6).toFixed(1)} MB, ${measured.tookMs} ms (load ${load.toFixed(1)})`,
  );
  return measured;
}

/** All that a process has read and written, sockets included (/proc/<pid>/io). */
function transferred(pid: number): { readonly readBytes: number; readonly sentBytes: number } {
  const io = readFileSync(`/proc/${pid}/io`, 'latin1');
  const count = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(io)![1]);
  return { readBytes: count('rchar'), sentBytes: count('wchar') };
}
