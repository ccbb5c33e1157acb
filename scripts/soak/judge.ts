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
  /** Differences that the Java consumer saw, one line each. */
  readonly differences: readonly string[];
  readonly verify: { readonly outcome: string; readonly code: number; readonly problems: readonly string[] };
}

interface Pair {
  readonly source: JavaSide;
  readonly destination: JavaSide;
}

const lookAgainMs = 500;
const verifyTimeoutMs = 300_000;

/** Waits until no transaction is open at the source and the mirrors have arrived; answers with what is missing then. */
export async function waitUntilHealed(
  clients: JavaClients,
  { source, destination }: Pair,
  topics: readonly SoakTopic[],
  options: { readonly deadlineMs: number; readonly onProgress: (text: string) => void },
): Promise<readonly string[]> {
  const deadline = Date.now() + options.deadlineMs;
  for (;;) {
    const missing: string[] = [];
    for (const { name } of topics) {
      try {
        const [from, to] = await Promise.all([clients.ends(source, name), clients.ends(destination, name)]);
        for (const { partition, lastStableOffset, highWatermark } of from) {
          const place = `${name}-${partition}`;
          const mirror = to.find((each) => each.partition === partition)?.highWatermark ?? 0;
          if (lastStableOffset < highWatermark)
            missing.push(`${place}: a transaction is open at ${lastStableOffset}`);
          else if (mirror < lastStableOffset)
            missing.push(`${place}: the mirror is at ${mirror} of ${lastStableOffset}`);
        }
      } catch (error) {
        missing.push(`${name}: ${String(error)}`);
      }
    }
    if (missing.length === 0 || Date.now() > deadline) return missing;
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
  const rows: ComparedPartition[] = [];
  for (const { name, isCompacted = false } of topics) {
    const compared = await clients.compare({ ...pair, topic: name, isCompacted });
    rows.push(...compared);
    for (const { partition, difference } of compared)
      if (difference !== undefined) differences.push(`${name}-${partition}: ${difference}`);
  }
  const expected = topics.reduce((sum, { partitions }) => sum + partitions, 0);
  if (rows.length !== expected) differences.push(`${rows.length} partitions were compared, of ${expected}`);
  const sum = (of: 'records' | 'holes' | 'holeOffsets'): number =>
    rows.reduce((total, row) => total + (row[of] ?? 0), 0);
  return {
    partitions: rows.length,
    records: sum('records'),
    holes: sum('holes'),
    holeOffsets: sum('holeOffsets'),
    differences,
    verify: await runVerify(verify),
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
}): Promise<Judged['verify']> {
  const done = await runChild(command, args, { timeoutMs: verifyTimeoutMs });
  try {
    const report = JSON.parse(done.stdout.toString('utf8')) as VerifyJson;
    const problems = report.partitions
      .filter(({ outcome }) => outcome !== 'identical')
      .map((partition) => JSON.stringify(partition));
    return { outcome: report.outcome, code: done.code, problems };
  } catch {
    return { outcome: 'failed', code: done.code, problems: [done.stderr.slice(-1_000)] };
  }
}
