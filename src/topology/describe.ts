// How a value of the file is named in "found ...": short, one line, and never a secret.
import type { Path } from './problems.ts';

const shownCharsMax = 60;

/** Sections in which any value may be a secret: there only the type is told. */
const secretSections = new Set(['sasl', 'tls', 'password', 'headers']);

/** Whether values at this path must not be shown. */
function isSecretPath(path: Path): boolean {
  return path.some((step) => typeof step === 'string' && secretSections.has(step));
}

/** The value in words: `"kafka"`, `the number 3`, `a list`, `nothing`. */
export function describeValue(value: unknown, path: Path): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (isSecretPath(path)) return value === '' ? 'an empty string' : `a ${typeof value} (not shown)`;
  if (typeof value === 'string') return value === '' ? 'an empty string' : quote(value);
  return `the ${typeof value} ${String(value)}`;
}

/** A string in double quotes on one line, cut when long. */
export function quote(text: string): string {
  const cut = text.length > shownCharsMax ? `${text.slice(0, shownCharsMax)}...` : text;
  return JSON.stringify(cut);
}
