// Tries every rule on a scratch topic of the cluster, and removes the topic whatever happens.
//
// 1. Create the topic, wait for its leader, open a connection of our own to it.
// 2. Try the rules one after another; one that fails does not stop the others.
// 3. Read the broker's clock, where it lets us.
// 4. Delete the topic: also after an error, and after an interruption.
import { randomBytes } from 'node:crypto';
import {
  type Cluster,
  type Connection,
  type CreatedTopic,
  createTopics,
  deleteTopics,
  logEndOffset,
  unwrap,
} from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { readClock } from './clock.ts';
import type { ProbeLog } from './probe-log.ts';
import type { ProbeRule } from './rule.ts';
import { probeRules } from './rules.ts';
import { ScratchLog } from './scratch-log.ts';

/** Scratch topics begin with this, so that no regular expression of a link ever takes one. */
export const scratchTopicPrefix = '__lockstep-probe-';

export type ProbeMark = 'held' | 'broken' | 'notTried';

export interface ProbeResult extends Pick<ProbeRule, 'id' | 'rule' | 'expected' | 'needs'> {
  readonly mark: ProbeMark;
  /** What the broker did; for `notTried` the reason. */
  readonly seen: string;
}

export interface ProbeReport {
  /** One per rule, in the order of the rules. */
  readonly results: readonly ProbeResult[];
  /** The broker's clock minus ours, ms, as good as half a round trip; null when it could not be seen. */
  readonly clockDifferenceMs: number | null;
  /** The scratch topic, when it could not be removed. */
  readonly leftover: string | null;
}

export interface ProbeOptions {
  readonly cluster: Cluster;
  /** Aborted to stop early; the topic is still removed. */
  readonly signal?: AbortSignal;
  /** Told before each rule. */
  readonly onProgress?: (progress: { done: number; total: number; rule: string }) => void;
  /** Topic settings that win over ours: for tests that break a rule. */
  readonly topicSettings?: Readonly<Record<string, string>>;
  readonly rules?: readonly ProbeRule[];
}

const topicSettings = {
  'cleanup.policy': 'delete',
  'compression.type': 'producer',
  'message.timestamp.type': 'CreateTime',
};

/**
 * Probes the cluster. What a rule's trial fails with is in its result.
 * @throws LockstepError when the scratch topic can't be created or its leader can't be reached.
 */
export async function runProbe(options: ProbeOptions): Promise<ProbeReport> {
  const { cluster, signal } = options;
  const topic = `${scratchTopicPrefix}${randomBytes(6).toString('hex')}`;
  let connection: Connection | undefined;
  const interrupt = (): void => connection?.close();
  let report: Omit<ProbeReport, 'leftover'>;
  let leftover: string | null = null;
  try {
    const { topicId } = await createScratchTopic(cluster, topic, options);
    const { leaderEpoch, leaderId } = await logEndOffset(cluster, { topic, partition: 0 });
    connection = await cluster.openConnection(leaderId, { purpose: 'probe' });
    signal?.addEventListener('abort', interrupt, { once: true });
    const log = new ScratchLog({ cluster, connection, topic, topicId, leaderEpoch });
    const results = await tryRules(log, options);
    const clockDifferenceMs =
      signal?.aborted === true ? null : await readClock({ cluster, connection, topic, topicId });
    report = { results, clockDifferenceMs };
  } finally {
    signal?.removeEventListener('abort', interrupt);
    connection?.close();
    leftover = await removeScratchTopic(cluster, topic);
  }
  return { ...report, leftover };
}

async function createScratchTopic(
  cluster: Cluster,
  topic: string,
  options: ProbeOptions,
): Promise<CreatedTopic> {
  const configs = { ...topicSettings, ...options.topicSettings };
  const created = await createTopics(cluster, [{ name: topic, partitionCount: 1, configs }]);
  const outcome = created.get(topic);
  if (outcome === undefined)
    throw new LockstepError('FRAME_INVALID', `cluster ${cluster.name}: no answer for topic ${topic}.`);
  return unwrap(outcome);
}

async function tryRules(log: ScratchLog, options: ProbeOptions): Promise<ProbeResult[]> {
  const { rules = probeRules, signal, onProgress } = options;
  const results: ProbeResult[] = [];
  for (const [index, entry] of rules.entries()) {
    onProgress?.({ done: index, total: rules.length, rule: entry.rule });
    results.push(await tryRule(entry, log, signal));
  }
  return results;
}

/** One rule tried; never throws for what a cluster does. */
export async function tryRule(entry: ProbeRule, log: ProbeLog, signal?: AbortSignal): Promise<ProbeResult> {
  const { id, rule, expected, needs } = entry;
  const result = (mark: ProbeMark, seen: string): ProbeResult => ({ id, rule, expected, needs, mark, seen });
  if (isAborted(signal)) return result('notTried', 'interrupted');
  try {
    const { held, seen } = await entry.trial(log);
    return result(held ? 'held' : 'broken', seen);
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    if (isAborted(signal)) return result('notTried', 'interrupted');
    const untried = error.code === 'NOT_AUTHORIZED' || error.code === 'UNSUPPORTED_VERSION';
    return result(untried ? 'notTried' : 'broken', error.message);
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

/** Deletes the topic by its name, which nobody else has; null when it is gone, or never was. */
async function removeScratchTopic(cluster: Cluster, topic: string): Promise<string | null> {
  try {
    const outcome = (await deleteTopics(cluster, [topic])).get(topic);
    return outcome === undefined || outcome.ok || outcome.error.detail.number === unknownTopic ? null : topic;
  } catch {
    return topic;
  }
}

const unknownTopic = 3;
