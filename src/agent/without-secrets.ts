// Keeps secrets out of what is shown and logged. The control topic holds references only, but a person may have written
// a password where a reference belongs.

const secretName = /password|passphrase|secret|token$|credential|privatekey|^key$|jaas/i;
const reference = /^\$\{(env|file):[^}]*\}$/;
const hidden = '(hidden)';

/**
 * The same value, with everything hidden whose name says that it is a secret. References may be seen; bigints become
 * decimal strings, and what is not a plain object (an error, say) stays what it is.
 */
export function withoutSecrets(value: unknown, name = ''): unknown {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map((each) => withoutSecrets(each, name));
  if (isPlain(value)) {
    const isSecret = secretName.test(name);
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, withoutSecrets(each, isSecret ? name : key)]),
    );
  }
  if (!secretName.test(name) || value === null || value === undefined) return value;
  return typeof value === 'string' && reference.test(value) ? value : hidden;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
