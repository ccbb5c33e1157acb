// Loss reports as they stand in control topics.
import { z } from 'zod';
import { type FleetState, lossKey } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import type { OpenGroup, OpenRegion } from '../types.ts';
import { type LossReport, type LossSummary, lossVersion, type TopicLoss } from './types.ts';

const decimal = z.string().regex(/^-?\d{1,19}$/);
const v = z.literal(lossVersion);
const summary = z.looseObject({
  ...{ v, group: z.string(), moveId: z.string(), from: z.string(), to: z.string(), by: z.string() },
  ...{
    startedAtMs: z.number(),
    writtenAtMs: z.number(),
    promotedAtMs: z.number().nullable(),
    completedAtMs: z.number().nullable(),
  },
  topics: z.array(z.string()),
  transactions: z.array(z.looseObject({ missing: z.array(z.string()) })),
  groups: z.array(z.looseObject({ was: decimal, is: decimal.nullable(), gone: decimal })),
  remarks: z.array(z.string()),
});
const topicLoss = z.looseObject({
  ...{ v, topic: z.string(), mirrorTopic: z.string(), link: z.string(), sourceTopicId: z.string() },
  partitions: z.array(
    z.looseObject({
      cutOffset: decimal,
      shift: decimal,
      missing: decimal.nullable(),
      sourceEnd: decimal.nullable(),
    }),
  ),
  positions: z.record(z.string(), z.array(decimal.nullable())),
});

/** A report, and the region whose control topic has it. */
export interface StoredLoss {
  readonly at: OpenRegion;
  readonly report: LossReport;
}

/** All that regions which answer have, the newest first. Values of another version, or garbage, are left out. */
export function storedLosses(group: OpenGroup): StoredLoss[] {
  const prefix = `loss/${group.config.name}/`;
  const byMove = new Map<string, StoredLoss>();
  for (const region of group.regions.values()) {
    if (region.cluster === null || region.state === null) continue;
    for (const [key, value] of region.state.entries(prefix)) {
      if (!key.endsWith('/') || !summary.safeParse(value).success) continue;
      const report = { summary: value as LossSummary, topics: topicsOf(region.state, value as LossSummary) };
      byMove.set(report.summary.moveId, { at: region, report });
    }
  }
  return [...byMove.values()].sort((a, b) => b.report.summary.startedAtMs - a.report.summary.startedAtMs);
}

function topicsOf(state: FleetState, { group, moveId, topics }: LossSummary): TopicLoss[] {
  return topics.flatMap((topic) => {
    const value = state.get(lossKey({ group, id: moveId }, topic));
    return topicLoss.safeParse(value).success ? [value as TopicLoss] : [];
  });
}

/** An answer comes within moments, ms. */
const writeMsMax = 15_000;
/** A command is one record, and a record is at most 1 MiB where nobody has set anything else. */
const bytesPerWriteMax = 512 * 1024;

/** The summary comes last: where it stands, all stands. @throws LockstepError what the fleet answers. */
export async function storeLoss(home: OpenRegion, report: LossReport, signal: AbortSignal): Promise<void> {
  const { group, moveId } = report.summary;
  const key = (topic: string): string => lossKey({ group, id: moveId }, topic);
  const entries = report.topics.map((topic): [string, unknown] => [key(topic.topic), topic]);
  for (const some of chunks(entries)) await write(home, some, signal);
  await write(home, [[key(''), report.summary]], signal);
}

/** In their order, each of at most `bytesMax` as JSON; a larger one goes alone. */
export function chunks(
  entries: readonly [string, unknown][],
  bytesMax = bytesPerWriteMax,
): [string, unknown][][] {
  const found: [string, unknown][][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    const size = Buffer.byteLength(JSON.stringify(entry));
    if (bytes + size > bytesMax) {
      found.push([]);
      bytes = 0;
    }
    found.at(-1)!.push(entry);
    bytes += size;
  }
  return found;
}

async function write(home: OpenRegion, entries: [string, unknown][], signal: AbortSignal): Promise<void> {
  const body = { do: 'writeLoss', entries: Object.fromEntries(entries) } as const;
  const answer = await home.send(body, { timeoutMs: writeMsMax, signal });
  if (answer.state === 'refused')
    throw new LockstepError(answer.code ?? 'INTERNAL', `the loss report was not stored: ${answer.message}`);
}
