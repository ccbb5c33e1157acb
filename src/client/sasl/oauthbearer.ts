// SASL/OAUTHBEARER (RFC 7628, KIP-255; extensions KIP-342): a bearer token in one message,
//
//   n,,^Aauth=Bearer <token>^A<key>=<value>^A...^A        (^A is the byte 1)
//
// A broker that refuses answers with a JSON object first; we have to send one ^A to get the real error.
import { LockstepError } from '../../errors.ts';
import type { SaslExchange } from './mechanism.ts';

const separator = '\x01';
/** RFC 6750, section 2.1. */
const tokenPattern = /^[A-Za-z0-9._~+/-]+=*$/;
/** RFC 7628, section 3.1. */
const extensionKeyPattern = /^[A-Za-z]+$/;
const extensionValuePattern = /^[\x21-\x7e \t\r\n]+$/;

/** Whether a text has the characters of a bearer token. */
export function isToken(text: string): boolean {
  return tokenPattern.test(text);
}

/** @param token asked for at the start of each exchange. */
export function oauthBearerExchange(
  token: () => Promise<string>,
  extensions: Readonly<Record<string, string>> = {},
): SaslExchange {
  return {
    mechanism: 'OAUTHBEARER',
    first: async () => Buffer.from(firstMessage(await token(), extensions), 'utf8'),
    next: async (answer) => (answer.length === 0 ? null : Buffer.from(separator)),
  };
}

function firstMessage(token: string, extensions: Readonly<Record<string, string>>): string {
  if (!isToken(token)) throw invalid('the token has characters that RFC 6750 does not allow, or is empty');
  let pairs = '';
  for (const [key, value] of Object.entries(extensions)) {
    if (key === 'auth' || !extensionKeyPattern.test(key))
      throw invalid(`the extension name ${JSON.stringify(key)} is not allowed: letters only, and not "auth"`);
    if (!extensionValuePattern.test(value))
      throw invalid(`the value of extension ${key} has characters that RFC 7628 does not allow, or is empty`);
    pairs += `${key}=${value}${separator}`;
  }
  return `n,,${separator}auth=Bearer ${token}${separator}${pairs}${separator}`;
}

function invalid(why: string): LockstepError {
  return new LockstepError('AUTHENTICATION_FAILED', `The OAUTHBEARER login can't be sent: ${why}.`);
}
