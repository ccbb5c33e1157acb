// What differs between a link as it is and as it is declared, in words: "topics: orders -> orders, payments.*".
import { isDeepStrictEqual } from 'node:util';
import type { LinkDeclaration, LinkRecord } from '../../control/index.ts';

/** One line for each key that differs; none when nothing does. Secrets are never in a declaration. */
export function changedKeys(before: LinkRecord, after: LinkDeclaration): string[] {
  const lines: string[] = [];
  const keys = new Set([...Object.keys(before.config), ...Object.keys(after.config)]);
  for (const key of [...keys].sort()) {
    const [old, wanted] = [before.config[key], after.config[key]];
    if (!isDeepStrictEqual(old, wanted)) lines.push(`${key}: ${shown(old)} -> ${shown(wanted)}`);
  }
  for (const key of ['name', 'bootstrap', 'clientId', 'tls', 'sasl', 'isInAgentFile'] as const) {
    const [old, wanted] = [before.source[key], after.source[key]];
    if (!isDeepStrictEqual(old, wanted)) lines.push(`source.${key}: ${shown(old)} -> ${shown(wanted)}`);
  }
  // A declaration that names no group takes it out of none: see declareRoles.
  if (after.group !== undefined && before.group !== after.group)
    lines.push(`group: ${before.group ?? 'none'} -> ${after.group}`);
  if (before.destination !== after.destination)
    lines.push(`destination: ${before.destination} -> ${after.destination}`);
  return lines;
}

function shown(value: unknown): string {
  if (value === undefined) return 'default';
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
