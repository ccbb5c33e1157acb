// JSON on stdout for programs. Offsets have 64 bits: they are written as exact numbers, above 2^53 too, as
// `lockstep verify` does; a reader that needs all digits up there has to parse numbers exactly.

/** One JSON text of several lines, ended by a line break. */
export function formatJson(value: unknown): string {
  return `${JSON.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? rawJson(String(inner)) : inner), 2)}\n`;
}

/** JSON.rawJSON, which TypeScript's library does not declare yet (Node 22 and newer have it). */
function rawJson(text: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text);
}
