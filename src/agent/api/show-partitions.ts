// From an agent's view to the JSON of partitions. Pure; bigints become decimal strings here.
import type { PartitionStatus } from '../../mirror/index.ts';
import type { AgentView, ElsewherePartition, LinkView } from '../view.ts';
import type { PartitionAnswer } from './answers.ts';

/** Agents tell that they live every few seconds; after this long, in ms, one counts as gone. */
const agentAliveMs = 15_000;

export function isAlive({ atMs }: { atMs: number }, nowMs: number): boolean {
  return nowMs - atMs <= agentAliveMs;
}

/** The partitions of a link by topic: ours as they stand now, the others as their agents told, by partition. */
export function partitionsOf(view: AgentView, link: LinkView): Map<string, PartitionAnswer[]> {
  const { atMs: nowMs, agent } = view;
  const living = new Set(view.agents.filter((each) => isAlive(each, nowMs)).map(({ id }) => id));
  const topics = new Map<string, Map<number, PartitionAnswer>>();
  const put = (topic: string, answer: PartitionAnswer): void => {
    const partitions = topics.get(topic) ?? new Map<number, PartitionAnswer>();
    topics.set(topic, partitions.set(answer.partition, answer));
  };
  for (const { sourceTopic, partitionCount } of link.mirrors)
    for (let partition = 0; partition < partitionCount; partition += 1) put(sourceTopic, untold(partition));
  for (const told of link.elsewhere) put(told.topic, elsewhere(told, living.has(told.agent)));
  // Last: who copies a partition knows it better than what was told before it was moved here.
  for (const status of link.partitions) put(status.topic, ours(status, agent.id, nowMs));
  return new Map(
    Array.from(topics, ([topic, partitions]) => [
      topic,
      [...partitions.values()].sort((a, b) => a.partition - b.partition),
    ]),
  );
}

function untold(partition: number): PartitionAnswer {
  const ends = { sourceEnd: null, mirrorEnd: null, lagRecords: null, behindMs: null, shift: null };
  const told = { agent: null, isAgentAlive: false, toldAtMs: null, lastFetchAtMs: null, lastError: null };
  return { partition, state: null, reason: null, sinceMs: null, ...told, ...ends, details: null };
}

function elsewhere(told: ElsewherePartition, isAgentAlive: boolean): PartitionAnswer {
  const { partition, state, reason, sinceMs, agent, atMs, lastFetchAtMs, lastError } = told;
  const { sourceEnd, mirrorEnd, lagRecords, behindMs, shift } = told;
  const ends = { sourceEnd, mirrorEnd, lagRecords, behindMs, shift };
  return {
    ...{
      partition,
      state,
      reason,
      sinceMs,
      agent,
      isAgentAlive,
      toldAtMs: atMs,
      ...ends,
      lastFetchAtMs,
      lastError,
    },
    details: null,
  };
}

function ours(status: PartitionStatus, agent: string, nowMs: number): PartitionAnswer {
  const { partition, state, reason, sinceMs, behindMs, lastFetchAtMs, lastError } = status;
  return {
    ...{
      partition,
      state,
      reason,
      sinceMs,
      agent,
      isAgentAlive: true,
      toldAtMs: nowMs,
      behindMs,
      lastFetchAtMs,
      lastError,
    },
    sourceEnd: decimal(status.sourceEnd),
    mirrorEnd: decimal(status.mirrorEnd),
    lagRecords: decimal(status.lagRecords),
    shift: String(status.shift),
    details: {
      isStopped: status.isStopped,
      stoppedAt: decimal(status.stoppedAt),
      lastErrorAtMs: status.lastErrorAtMs,
      openTransactionSinceMs: status.openTransactionSinceMs,
      recordsMirrored: status.recordsMirrored,
      bytesMirrored: status.bytesMirrored,
      batchesMirrored: status.batchesMirrored,
      acknowledgedLostCount: status.acknowledgedLostCount,
      holeOffsetsCount: String(status.holeOffsetsCount),
      sourceLostCount: String(status.sourceLostCount),
      errorCounts: status.errorCounts,
    },
  };
}

/** What many partitions amount to; unknown lags are counted, not taken for 0. */
export function summaryOf(partitions: readonly PartitionAnswer[]): {
  lagRecords: string | null;
  lagUnknownCount: number;
  behindMs: number | null;
  states: Record<string, number>;
} {
  const lags = partitions.map(({ lagRecords }) => lagRecords).filter((lag) => lag !== null);
  const behind = partitions.map(({ behindMs }) => behindMs).filter((ms) => ms !== null);
  const states: Record<string, number> = {};
  for (const { state } of partitions) if (state !== null) states[state] = (states[state] ?? 0) + 1;
  return {
    lagRecords: lags.length === 0 ? null : String(lags.reduce((sum, lag) => sum + BigInt(lag), 0n)),
    lagUnknownCount: partitions.length - lags.length,
    behindMs: behind.length === 0 ? null : behind.reduce((most, ms) => Math.max(most, ms), 0),
    states,
  };
}

function decimal(value: bigint | null): string | null {
  return value === null ? null : String(value);
}
