// Durations as people write them: `500ms`, `5s`, `1.5min`, `1h`.

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000 };

/** The whole milliseconds of a duration; undefined when it is none. */
export function parseDurationMs(text: string): number | undefined {
  const parts = /^(\d{1,9}(?:\.\d{1,3})?) ?(ms|s|m|min|h)$/.exec(text);
  if (parts === null) return undefined;
  const ms = Number(parts[1]) * (unitsMs[parts[2] as string] as number);
  return Number.isInteger(ms) ? ms : undefined;
}
