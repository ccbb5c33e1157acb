// What differs between a link as it is and as it is declared, in words: "topics: orders -> orders, payments.*".
import { isDeepStrictEqual } from 'node:util';
import type { LinkDeclaration, LinkRecord } from '../../control/index.ts';

/** One line for each key that differs; none when nothing does. Secrets are never in a declaration. */
export function changedKeys(before: LinkRecord, after: LinkDeclaration): string[] {
  const lines: string[] = [];
  const keys = new Set([...Object.keys(before.config), ...Object.keys(after.config)]);
  for (const key of [...keys].sort()) {
    lines.push(...changesOf(key, before.config[key], after.config[key]));
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

/** Of mappings only the keys that differ. */
function changesOf(key: string, old: unknown, wanted: unknown): string[] {
  if (isDeepStrictEqual(old, wanted)) return [];
  if (!isMapping(old) || !isMapping(wanted)) return [`${key}: ${shown(old)} -> ${shown(wanted)}`];
  const keys = new Set([...Object.keys(old), ...Object.keys(wanted)]);
  return [...keys].sort().flatMap((inner) => changesOf(`${key}.${inner}`, old[inner], wanted[inner]));
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  if (value === undefined) return 'default';
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
