// `startAt`: the place in the source's log where a new mirror begins.
import type { StartAt } from './types.ts';

export const startAtExpected = 'earliest, latest, or a moment with its zone, such as 2026-11-20T08:30:00Z';

const momentPattern = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/;

/** What the text means; undefined when it is neither a word nor a moment (ISO 8601, with a zone). */
export function parseStartAt(text: string): StartAt | undefined {
  if (text === 'earliest' || text === 'latest') return { kind: text };
  const date = momentPattern.exec(text)?.[1];
  const ms = Date.parse(text);
  // Date.parse takes the 30th of February for the 2nd of March.
  if (date === undefined || Number.isNaN(ms) || ms < 0) return undefined;
  if (new Date(`${date}T00:00:00Z`).toISOString().slice(0, 10) !== date) return undefined;
  return { kind: 'timestamp', timestampMs: BigInt(ms) };
}
