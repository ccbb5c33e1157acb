// How many partitions mirror, as their agent tells the fleet: read from the control topic as text, so that looking costs
// next to nothing beside an agent that is measured on the same machine.
import { Cluster, type Connection } from '../src/client/index.ts';
import { committedRecords } from '../src/control/committed-records.ts';
import { controlTopic } from '../src/control/index.ts';
import { fetchLog } from '../src/control/log.ts';
import type { Region } from '../src/regions/index.ts';

const fetchWaitMs = 500;
const lookForTopicEveryMs = 50;
const statusKeys = /^status\//;
const stateOf = /"state":"(\w+)"/;
const sinceOf = /"sinceMs":(\d+)/;
const toldAtOf = /"atMs":(\d+)/;

export interface AllMirror {
  /** When the agent told of the last of them, ms since the epoch, by its clock. */
  readonly toldAtMs: number;
  /** When the last of them began to mirror. */
  readonly sinceMs: number;
}

/**
 * Resolves when `count` partitions mirror, by what was told after `fromMs` (ms since the epoch).
 * @throws Error when they do not within `deadlineMs`; it tells their states.
 */
export async function allMirror(
  destination: Pick<Region, 'name' | 'brokers'>,
  { count, fromMs, deadlineMs }: { count: number; fromMs: number; deadlineMs: number },
): Promise<AllMirror> {
  const cluster = await Cluster.connect({
    name: destination.name,
    bootstrap: destination.brokers.map(({ host, port }) => ({ host, port })),
  });
  let connection: Connection | undefined;
  try {
    const untilMs = Date.now() + deadlineMs;
    const statuses = new Map<string, { state: string; sinceMs: number; toldAtMs: number }>();
    let mirroring = 0;
    let offset = 0n;
    while (Date.now() < untilMs) {
      const { topics } = cluster.knownMetadata;
      const topic = topics.get(controlTopic);
      const leader = topic?.partitions[0];
      if (topic === undefined || leader === undefined || leader.leaderId < 0) {
        await cluster.metadata({ topics: [controlTopic] });
        await new Promise((resolve) => setTimeout(resolve, lookForTopicEveryMs));
        continue;
      }
      connection ??= await cluster.openConnection(leader.leaderId, { purpose: 'bench' });
      const position = {
        ...{ topicId: topic.topicId, leaderEpoch: leader.leaderEpoch, offset, lastFetchedEpoch: -1 },
      };
      const answer = await fetchLog(connection, position, fetchWaitMs);
      if (answer === undefined || answer.errorCode !== 0) continue;
      const { records, nextOffset } = committedRecords(answer, offset);
      offset = nextOffset;
      for (const { key, text } of records) {
        if (!statusKeys.test(key)) continue;
        const [former, toldAtMs] = [statuses.get(key), Number(toldAtOf.exec(text ?? '')?.[1] ?? 0)];
        if (toldAtMs < fromMs) continue;
        const state = stateOf.exec(text ?? '')?.[1] ?? 'gone';
        mirroring += Number(state === 'Mirroring') - Number(former?.state === 'Mirroring');
        statuses.set(key, { state, toldAtMs, sinceMs: Number(sinceOf.exec(text ?? '')?.[1] ?? 0) });
      }
      if (mirroring < count) continue;
      const all = [...statuses.values()].filter(({ state }) => state === 'Mirroring');
      const latest = (times: readonly number[]) => times.reduce((a, b) => Math.max(a, b), 0);
      return {
        toldAtMs: latest(all.map(({ toldAtMs }) => toldAtMs)),
        sinceMs: latest(all.map(({ sinceMs }) => sinceMs)),
      };
    }
    const states = Map.groupBy(statuses.values(), ({ state }) => state);
    const found = Array.from(states, ([state, some]) => `${some.length} ${state}`).join(', ');
    throw new Error(
      `${count} partitions did not mirror within ${deadlineMs} ms; told are: ${found || 'none'}`,
    );
  } finally {
    connection?.close();
    cluster.close();
  }
}
