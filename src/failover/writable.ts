// Whether topics can be written to as they stand: each partition has a leader, and enough replicas in sync for acks=all.
import { type Cluster, describeConfigs, describeTopics } from '../client/index.ts';
import { plural } from '../units.ts';
import { nameList } from './moved.ts';

const minIsr = 'min.insync.replicas';

export interface NotWritable {
  readonly leaderless: string[];
  readonly readOnly: string[];
  readonly missing: string[];
  /** Why topics can't be looked at; null: all can. */
  readonly hidden: string | null;
}

/** Partitions that take no writes now, with the reason; empty: all do. */
export async function notWritable(cluster: Cluster, topics: readonly string[]): Promise<NotWritable> {
  const [topicsThere, described] = await Promise.all([
    describeTopics(cluster, topics),
    describeConfigs(
      cluster,
      topics.map((name) => ({ type: 'topic', name })),
      { names: [minIsr] },
    ),
  ]);
  const needed = new Map(
    described.map(({ resource, outcome }) => [
      resource.name,
      outcome.ok ? Number(outcome.value.get(minIsr)?.value ?? 1) : 1,
    ]),
  );
  const leaderless: string[] = [];
  const readOnly: string[] = [];
  for (const topic of topics) {
    const found = topicsThere.get(topic)!;
    for (const { partition, leaderId, isr } of found.ok ? found.value.partitions : []) {
      if (leaderId < 0) leaderless.push(`${topic}-${partition}`);
      else if (isr.length < (needed.get(topic) ?? 1)) readOnly.push(`${topic}-${partition}`);
    }
  }
  const failures = [...topicsThere].flatMap(([topic, found]) =>
    found.ok ? [] : [{ topic, error: found.error }],
  );
  const isHidden = ({ error }: (typeof failures)[number]): boolean => error.code === 'NOT_AUTHORIZED';
  const missing = failures.filter((failure) => !isHidden(failure)).map(({ topic }) => topic);
  return { leaderless, readOnly, missing, hidden: failures.find(isHidden)?.error.message ?? null };
}

/** The same in words; null: all can be written to. */
export function notWritableWords(found: NotWritable): string | null {
  const { leaderless, readOnly, missing, hidden } = found;
  const parts = [
    hidden,
    missing.length > 0 ? `${plural(missing.length, 'topic')} not there: ${nameList(missing)}` : null,
    leaderless.length > 0
      ? `${plural(leaderless.length, 'partition')} without a leader: ${nameList(leaderless)}`
      : null,
    readOnly.length > 0
      ? `${plural(readOnly.length, 'partition')} with fewer replicas in sync than min.insync.replicas, so acks=all is refused: ${nameList(readOnly)}`
      : null,
  ].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join('; ');
}
