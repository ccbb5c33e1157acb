// Steps 4 and 5 of a switchover: everything is over there, on all replicas; and its newest records are the same.
import type { MoveRecord } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { plural } from '../../units.ts';
import { verifyLink } from '../../verify/index.ts';
import { type EndsByPartition, endsOf, partitionsOf } from '../ends.ts';
import { movedMirrors, nameList, shiftOf, sidesOf } from '../moved.ts';
import type { MoveContext, Step } from '../types.ts';
import { waitUntil } from '../wait-until.ts';
import { isSameNewest, newestBatches } from './newest-batches.ts';
import { optionsOf } from './options.ts';
import { untilQuiet } from './watch.ts';

const quietMs = 1_000;
/** Offsets at the end of each log that are compared. */
const tailOffsets = 20n;
/** Partitions compared at a time, and the time for all of them, ms: writes pause meanwhile. */
const tailsAtOnceMax = 128;
const tailsMsMax = 10_000;

export const catchUp: Step = {
  name: 'catchUp',
  title: ({ to }) => `wait until ${to} has everything`,
  limitMs: (move) => optionsOf(move).timeoutMs + 30_000,
  run: async (context, move) => {
    const { group, home, signal, say } = context;
    const { from, to } = sidesOf(context, move);
    const mirrors = movedMirrors(group, home, move);
    const sources = partitionsOf(mirrors, 'sourceTopic');
    const copies = partitionsOf(mirrors, 'mirrorTopic');
    const shifts = mirrors.flatMap((mirror) =>
      Array.from({ length: mirror.partitionCount }, (_none, partition) => shiftOf(to, mirror, partition)),
    );
    let waitsFor = '';
    let ends: EndsByPartition = new Map();
    const isThere = async (): Promise<boolean> => {
      // The mirror first: what it has then, the source has.
      const mirrored = await endsOf(to.cluster, copies);
      ends = await endsOf(from.cluster, sources);
      const pairs = sources.map(({ topic, partition }, index) => ({
        name: `${topic}-${partition}`,
        source: ends.get(`${topic}/${partition}`)!,
        mirror: mirrored.get(`${copies[index]!.topic}/${partition}`)!,
        shift: shifts[index]!,
      }));
      const longer = pairs.filter(({ source, mirror, shift }) => mirror.logEnd > source.logEnd - shift);
      if (longer.length > 0)
        throw different(
          context,
          `${nameList(longer.map(({ name }) => name))}: ${to.name} has more than ${from.name}, which something else wrote there`,
        );
      waitsFor = notThere(pairs);
      return waitsFor === '';
    };
    const { timeoutMs } = optionsOf(move);
    const options = { patienceMs: timeoutMs, everyMs: 50, signal, say, waitsFor: () => waitsFor };
    if (!(await waitUntil(isThere, options))) throw late(waitsFor);
    if (!isAsStood(ends, move)) {
      say(`${from.name} was written to since; looking again whether that has stopped`);
      ends = (await untilQuiet(context, move, { quietMs, timeoutMs })).ends;
      if (!(await waitUntil(isThere, options))) throw late(waitsFor);
    }
    const stoodStill = Object.fromEntries(
      mirrors.map(({ sourceTopic, partitionCount }) => [
        sourceTopic,
        Array.from({ length: partitionCount }, (_none, partition) =>
          String(ends.get(`${sourceTopic}/${partition}`)!.logEnd),
        ),
      ]),
    );
    return {
      remark: `lag 0 in ${plural(sources.length, 'partition')}, all replicas have it`,
      facts: { stoodStill },
    };
  },
};

export const verifyTail: Step = {
  name: 'verifyTail',
  title: () => 'compare the newest records of both sides',
  run: async (context, move) => {
    const { from, to } = sidesOf(context, move);
    const mirrors = movedMirrors(context.group, context.home, move);
    const stood = move.facts.stoodStill as Readonly<Record<string, readonly string[]>>;
    const endOf = (topic: string, partition: number): bigint => BigInt(stood[topic]?.[partition] ?? 0);
    const logs = mirrors.flatMap((mirror) =>
      Array.from({ length: mirror.partitionCount }, (_none, partition) => ({
        ...{ mirror, partition, shift: shiftOf(to, mirror, partition) },
        end: endOf(mirror.sourceTopic, partition),
      })),
    );
    const [sources, copies] = await Promise.all([
      newestBatches(
        from.cluster,
        logs.map(({ mirror, partition, end }) => ({ topic: mirror.sourceTopic, partition, end })),
      ),
      newestBatches(
        to.cluster,
        logs.map(({ mirror, partition, end, shift }) => ({
          topic: mirror.mirrorTopic,
          partition,
          end: end - shift,
        })),
      ),
    ]);
    const same = logs.filter(({ shift }, index) => isSameNewest(sources[index]!, copies[index]!, shift));
    const closer = new Set(logs.filter(({ end }) => end > 0n));
    for (const log of same) closer.delete(log);
    // Batches that were cut otherwise, holes and markers: record by record.
    const topics = new Set([...closer].map(({ mirror }) => mirror));
    const { partitions } = await verifyLink({
      ...{ source: from.cluster, destination: to.cluster },
      topics: Array.from(topics, ({ sourceTopic, mirrorTopic }) => ({
        source: sourceTopic,
        destination: mirrorTopic,
      })),
      shiftOf: (topic, partition) =>
        shiftOf(to, mirrors.find(({ sourceTopic }) => sourceTopic === topic)!, partition),
      startOf: (topic, partition) => {
        const start = endOf(topic, partition) - tailOffsets;
        return start > 0n ? start : 0n;
      },
      ...{ waitMsMax: 0, partitionsInFlightMax: tailsAtOnceMax },
      ...{ fetchBytesMax: 64 * 1024, gathersFetches: true },
      signal: AbortSignal.any([context.signal, AbortSignal.timeout(tailsMsMax)]),
    });
    // Where each log begins says nothing of its tail.
    const differing = partitions.filter(({ differences }) =>
      differences.some(({ kind }) => kind !== 'start'),
    );
    if (differing.length > 0) {
      const names = nameList(differing.map(({ topic, partition }) => `${topic}-${partition}`));
      throw different(context, `${names}: ${to.name} does not hold what ${from.name} does`);
    }
    const [refused] = partitions.flatMap(({ notCompared }) =>
      notCompared.filter(({ errorCode }) => errorCode === 'NOT_AUTHORIZED'),
    );
    if (refused !== undefined)
      throw new LockstepError('NOT_AUTHORIZED', refused.message ?? `reading ${refused.side} was refused`);
    const unread = partitions.filter(({ notCompared }) =>
      notCompared.some(({ reason }) => reason === 'cancelled' || reason === 'failed' || reason === 'stalled'),
    );
    const rest = unread.length === 0 ? '' : `; ${plural(unread.length, 'partition')} not read in time`;
    return { remark: `the same in ${plural(logs.length - unread.length, 'partition')}${rest}` };
  },
};

function different({ group }: MoveContext, what: string): LockstepError {
  return new LockstepError(
    'BATCH_CORRUPT',
    `${what}; nothing was promoted. Look with: lockstep verify ${group.topology.file}`,
  );
}

interface Pair {
  readonly name: string;
  readonly source: { readonly logEnd: bigint; readonly highWatermark: bigint; readonly lastStable: bigint };
  readonly mirror: { readonly logEnd: bigint; readonly highWatermark: bigint };
  readonly shift: bigint;
}

/** What is waited for; empty: nothing. */
function notThere(pairs: readonly Pair[]): string {
  const open = pairs.filter(({ source }) => source.lastStable < source.highWatermark);
  if (open.length > 0)
    return `transactions are open on ${nameList(
      open.map(({ name }) => name),
      5,
    )}`;
  const unreplicated = pairs.filter(({ source }) => source.highWatermark < source.logEnd);
  if (unreplicated.length > 0)
    return `replicas of the source are behind on ${nameList(
      unreplicated.map(({ name }) => name),
      5,
    )}`;
  const lagging = pairs.filter(({ source, mirror, shift }) => mirror.logEnd < source.logEnd - shift);
  if (lagging.length > 0) {
    const lag = lagging.reduce(
      (sum, { source, mirror, shift }) => sum + source.logEnd - shift - mirror.logEnd,
      0n,
    );
    return `${plural(lag, 'record')} behind on ${nameList(
      lagging.map(({ name }) => name),
      5,
    )}`;
  }
  const behind = pairs.filter(({ mirror }) => mirror.highWatermark < mirror.logEnd);
  if (behind.length > 0)
    return `replicas of the mirror are behind on ${nameList(
      behind.map(({ name }) => name),
      5,
    )}`;
  return '';
}

function isAsStood(ends: EndsByPartition, { facts }: MoveRecord): boolean {
  const stood = (facts.stood ?? {}) as Readonly<Record<string, string>>;
  return [...ends].every(([name, { logEnd }]) => stood[name] === String(logEnd));
}

function late(waitsFor: string): LockstepError {
  return new LockstepError('REQUEST_TIMED_OUT', `not everything came over in time: ${waitsFor}`);
}
