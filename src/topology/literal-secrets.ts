// Secrets that stand in a declaration itself. What goes into the control topic must not have any: there a secret is a
// reference, `${env:NAME}` or `${file:path}`, that each agent looks up for itself. What a translated file makes from other
// files (`${derived:NAME}`) is known to those alone who have that file, so it counts as a secret, too.
import { formatPath, type Path } from './problems.ts';

const secretKeys = new Set(['password', 'passphrase', 'token', 'clientSecret']);
const reference = /(?<!\$)\$\{(?:env|file):[^}]*\}/g;

/**
 * The places (`sasl.password`, `sync.users[0].password`) where an entry of `clusters:` or `links:`, as written, holds a
 * secret: a password, passphrase, token or client secret that is more than references, a private key as text, an
 * address with a password in it, a text that only the file itself can make.
 */
export function literalSecretsOf(raw: unknown): string[] {
  const places: string[] = [];
  collect(raw, [], places);
  return places;
}

function collect(value: unknown, path: Path, places: string[]): void {
  if (typeof value === 'object' && value !== null) {
    const steps = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
    for (const step of steps)
      collect((value as Record<string | number, unknown>)[step], [...path, step], places);
    return;
  }
  const key = path.at(-1);
  const isSecret =
    typeof key === 'string' && secretKeys.has(key) ? isLiteral(value) : holdsSecret(String(value ?? ''));
  if (isSecret) places.push(formatPath(path));
}

/** Whether anything is left without the references. Numbers and the like are no right passwords, but secrets. */
function isLiteral(value: unknown): boolean {
  return value !== null && value !== undefined && String(value).replace(reference, '') !== '';
}

/** A private key, an address with user and password, or what only the file itself can make. */
function holdsSecret(text: string): boolean {
  return (
    /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text) ||
    /^[a-z]+:\/\/[^/@\s]*:[^/@\s]*@/i.test(text) ||
    /(?<!\$)\$\{derived:/.test(text)
  );
}
