// A pair of regions moves twice: first planned (an idle switchover), then because the region that is
// primary by then is killed. An application of its own tells when it can write.
import type { MoveRecord } from '../../src/control/index.ts';
import { LockstepError } from '../../src/errors.ts';
import type { Region } from '../../src/regions/index.ts';
import { Pair, type PairShape, type Typed } from './pair.ts';
import { Probe } from './probe.ts';
import { loadAverage, type MoveMeasurement } from './report.ts';

const topicPartitionsMax = 50;
const valueBytes = 100;
const acceptedMsMax = 120_000;

/** Moved together: topics of up to 50 partitions. */
export function shapeOf(partitions: number): PairShape {
  const topicCount = Math.ceil(partitions / topicPartitionsMax);
  return { topicCount, partitionsPerTopic: Math.round(partitions / topicCount) };
}

export async function measureMoves(
  partitions: number,
  options: {
    readonly folder: string;
    readonly profileFolder: string | null;
    readonly say: (line: string) => void;
  },
): Promise<{ readonly switchover: MoveMeasurement; readonly failover: MoveMeasurement }> {
  const { say } = options;
  say(`${partitions} partitions: two regions are made, filled and mirrored`);
  await using pair = await Pair.start(shapeOf(partitions), { ...options, valueBytes });
  const { us, eu } = pair;
  const switchover = await measureMove(pair, eu, ['switchover']);
  say(describeMoveTimes(switchover));
  await pair.settled(eu, us);
  await eu.kill();
  const failover = await measureMove(pair, us, ['failover']);
  say(describeMoveTimes(failover));
  return { switchover, failover };
}

export function describeMoveTimes({ kind, partitions, acceptedMs, pauseMs, load }: MoveMeasurement): string {
  const pause = pauseMs === null ? '' : `, after a pause of ${pauseMs} ms`;
  return `${kind} of ${partitions} partitions: all take records ${acceptedMs} ms after it was typed${pause} (load ${load.toFixed(1)})`;
}

async function measureMove(pair: Pair, to: Region, words: [string, ...string[]]): Promise<MoveMeasurement> {
  const [kind, ...rest] = words;
  const probe = new Probe(to, pair.shape);
  const load = loadAverage();
  try {
    const accepting = probe.accepted(pair.topics, acceptedMsMax);
    accepting.catch(() => {}); // told where it is awaited
    await probe.begun();
    const typed = await pair.type<{ move: MoveRecord }>(kind, pair.file, '--to', to.name, ...rest);
    return measurementOf(typed, { partitions: pair.partitionCount, acceptedAtMs: await accepting, load });
  } finally {
    await probe.close();
  }
}

function measurementOf(
  { typedAtMs, endedAtMs, json: { move } }: Typed<{ move: MoveRecord }>,
  { partitions, acceptedAtMs, load }: { partitions: number; acceptedAtMs: number; load: number },
): MoveMeasurement {
  if (acceptedAtMs < typedAtMs)
    throw new LockstepError('INTERNAL', 'records were accepted before the command was typed');
  const pause = move.facts.pause as { sinceMs: number } | undefined;
  return {
    ...{ kind: move.kind as 'switchover' | 'failover', partitions, load },
    acceptedMs: acceptedAtMs - typedAtMs,
    endedMs: endedAtMs - typedAtMs,
    startMs: move.startedAtMs - typedAtMs,
    pauseMs: pause === undefined ? null : Math.round(acceptedAtMs - pause.sinceMs),
    steps: move.done.map(({ step, tookMs }) => ({ step, ms: tookMs })),
  };
}
