// What the leader has told the source of a link, and owes to take back: `telling/<source>` in its own control topic, by
// Kafka's id of the source. Written before the source is told, so that whoever leads next, the same agent after a crash
// among them, knows of flows there that no link backs any more, and how to reach that cluster.
import { z } from 'zod';
import type { FleetState } from './fleet-state.ts';
import { type FlowRecord, flowOldMs, flowToldEveryMs } from './flows.ts';
import { type LinkRecord, recordVersion, type SourceReference } from './records/index.ts';

export interface TellingRecord {
  readonly v: number;
  /** The link by which the source was reached. */
  readonly link: string;
  readonly source: SourceReference;
  /** Keys that stand in the source's control topic, or may. */
  readonly keys: readonly string[];
  /** When it was told last, as far as `flowToldEveryMs` tells; ms since the epoch. */
  readonly atMs: number;
}

const tellingPrefix = 'telling/';
/** `source`: Kafka's cluster id. */
export const tellingKey = (source: string): string => `${tellingPrefix}${source}`;

const schema = z.looseObject({
  v: z.int().min(1).max(recordVersion),
  link: z.string(),
  source: z.looseObject({ name: z.string(), bootstrap: z.array(z.string()).min(1) }),
  keys: z.array(z.string()),
  atMs: z.number(),
});

/** By Kafka's id of the source. */
export function tellings(state: FleetState): ReadonlyMap<string, TellingRecord> {
  return new Map(
    Array.from(state.entries(tellingPrefix)).flatMap(([key, value]) =>
      schema.safeParse(value).success ? [[key.slice(tellingPrefix.length), value as TellingRecord]] : [],
    ),
  );
}

/** What has to be written down before a source is told `keys`; null: it stands already. */
export function tellingBefore(
  known: TellingRecord | undefined,
  { name: link, source }: Pick<LinkRecord, 'name' | 'source'>,
  keys: Iterable<string>,
  nowMs: number,
): TellingRecord | null {
  const all = [...new Set([...(known?.keys ?? []), ...keys])];
  const isSame =
    known !== undefined &&
    known.keys.length === all.length &&
    JSON.stringify(known.source) === JSON.stringify(source) &&
    nowMs - known.atMs < flowToldEveryMs;
  return isSame ? null : { v: recordVersion, link, source, keys: all, atMs: nowMs };
}

/** What is left once a source has been told `told` and everything else was removed there; null: nothing, undefined: no change. */
export function tellingAfter(
  known: TellingRecord | undefined,
  told: ReadonlyMap<string, FlowRecord>,
): TellingRecord | null | undefined {
  if (known === undefined) return undefined;
  const keys = known.keys.filter((key) => told.has(key));
  if (keys.length === known.keys.length) return undefined;
  return keys.length === 0 ? null : { ...known, keys };
}

/** Whether anybody may still believe what was told. */
export function isOwed({ atMs }: TellingRecord, nowMs: number): boolean {
  return nowMs - atMs <= flowOldMs + 2 * flowToldEveryMs;
}
