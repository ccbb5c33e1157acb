// After the faults: has everything healed, and are all partitions identical? Two judges that share no code answer:
// `lockstep verify`, and Kafka's own read_committed Java consumer.
import { setTimeout as pause } from 'node:timers/promises';
import { runChild } from '../../test/support/child-output.ts';
import type { ComparedPartition, JavaClients, JavaSide } from '../../test/support/java-clients.ts';
import type { SoakTopic } from './topics.ts';

export interface Judged {
  readonly partitions: number;
  readonly records: number;
  readonly holes: number;
  readonly holeOffsets: number;
  /** Partitions that are not the same, by either judge. */
  readonly differing: readonly string[];
  /** Differences that the Java consumer saw, one line each. */
  readonly differences: readonly string[];
  readonly verify: { readonly outcome: string; readonly code: number; readonly problems: readonly string[] };
}

interface Pair {
  readonly source: JavaSide;
  readonly destination: JavaSide;
}

const lookAgainMs = 500;
/** All have arrived, or never will. */
const arrivalWaitMs = 2_000;
const verifyTimeoutMs = 300_000;

/** Waits until no transaction is open at the source and the mirrors have arrived; answers with what is missing then. */
export async function waitUntilHealed(
  clients: JavaClients,
  { source, destination }: Pair,
  topics: readonly SoakTopic[],
  options: {
    readonly deadlineMs: number;
    readonly onProgress: (text: string) => void;
    /** A partition that an agent has stopped will not arrive, so nobody waits for it. */
    readonly isStopped: (place: string) => boolean;
  },
): Promise<readonly string[]> {
  const deadline = Date.now() + options.deadlineMs;
  for (;;) {
    const missing: string[] = [];
    let isHopeless = true;
    for (const { name } of topics) {
      try {
        const [from, to] = await Promise.all([clients.ends(source, name), clients.ends(destination, name)]);
        if (from.length !== to.length)
          throw new Error(`the mirror has ${to.length} of ${from.length} partitions`);
        for (const { partition, lastStableOffset, highWatermark } of from) {
          const place = `${name}-${partition}`;
          const isOpen = lastStableOffset < highWatermark;
          const mirror = to.find((each) => each.partition === partition)?.highWatermark ?? 0;
          if (!isOpen && mirror >= lastStableOffset) continue;
          isHopeless &&= options.isStopped(place);
          if (isOpen) missing.push(`${place}: a transaction is open at ${lastStableOffset}`);
          else missing.push(`${place}: the mirror is at ${mirror} of ${lastStableOffset}`);
        }
      } catch (error) {
        isHopeless = false;
        missing.push(`${name}: ${String(error)}`);
      }
    }
    if (missing.length === 0 || isHopeless || Date.now() > deadline) return missing;
    options.onProgress(`${missing.length} partitions are on their way; ${missing[0]}`);
    await pause(lookAgainMs);
  }
}

export async function judge(
  clients: JavaClients,
  pair: Pair,
  topics: readonly SoakTopic[],
  verify: { readonly command: string; readonly args: readonly string[] },
): Promise<Judged> {
  const differences: string[] = [];
  const differing = new Set<string>();
  const rows: ComparedPartition[] = [];
  for (const { name, isCompacted = false } of topics) {
    const compared = await clients.compare({ ...pair, topic: name, isCompacted, waitMs: arrivalWaitMs });
    rows.push(...compared);
    for (const { partition, difference } of compared) {
      if (difference === undefined) continue;
      differing.add(`${name}-${partition}`);
      differences.push(`${name}-${partition}: ${difference}`);
    }
  }
  const expected = topics.reduce((sum, { partitions }) => sum + partitions, 0);
  if (rows.length !== expected) differences.push(`${rows.length} partitions were compared, of ${expected}`);
  const verdict = await runVerify(verify);
  for (const place of verdict.differing) differing.add(place);
  const sum = (of: 'records' | 'holes' | 'holeOffsets'): number =>
    rows.reduce((total, row) => total + (row[of] ?? 0), 0);
  return {
    partitions: rows.length,
    records: sum('records'),
    holes: sum('holes'),
    holeOffsets: sum('holeOffsets'),
    differing: [...differing],
    differences,
    verify: verdict,
  };
}

interface VerifyJson {
  readonly outcome: string;
  readonly partitions: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly outcome: string;
  }[];
}

async function runVerify({
  command,
  args,
}: {
  command: string;
  args: readonly string[];
}): Promise<Judged['verify'] & { readonly differing: readonly string[] }> {
  const done = await runChild(command, args, { timeoutMs: verifyTimeoutMs });
  try {
    const report = JSON.parse(done.stdout.toString('utf8')) as VerifyJson;
    const bad = report.partitions.filter(({ outcome }) => outcome !== 'identical');
    return {
      ...{ outcome: report.outcome, code: done.code },
      problems: bad.map((partition) => JSON.stringify(partition)),
      differing: bad.map(({ topic, partition }) => `${topic}-${partition}`),
    };
  } catch {
    return { outcome: 'failed', code: done.code, problems: [done.stderr.slice(-1_000)], differing: [] };
  }
}
