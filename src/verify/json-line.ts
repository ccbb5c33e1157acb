// JSON for programs: offsets are numbers written exactly, above 2^53 too.

/** One JSON value on one line. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? rawJson(String(part)) : part));
}

/** JSON.rawJSON, which TypeScript's library does not declare yet (Node 22 and newer have it). */
function rawJson(text: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text);
}
