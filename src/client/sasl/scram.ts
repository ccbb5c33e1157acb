// SCRAM (RFC 5802; SHA-256 by RFC 7677): both sides prove that they know the password, and it never travels.
//
//   client-first   n,,n=<user>,r=<our nonce>
//   server-first   r=<our nonce + theirs>,s=<salt, base64>,i=<iterations>
//   client-final   c=biws,r=<both nonces>,p=<proof>
//   server-final   v=<signature>            or   e=<error>
//
// As Kafka's brokers do (ScramFormatter), names and passwords are plain UTF-8, without SASLprep.
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { LockstepError } from '../../errors.ts';
import type { SaslPasswordConfig } from '../config.ts';
import type { SaslExchange } from './mechanism.ts';

const hashes = { 'SCRAM-SHA-256': 'sha256', 'SCRAM-SHA-512': 'sha512' } as const;
const hashBytes = { sha256: 32, sha512: 64 } as const;

/** RFC 7677 asks for at least 4096, and so does Kafka: fewer would make a stolen exchange cheap to crack. */
const iterationsMin = 4096;
/** About a second of our CPU; a hostile broker shall not be able to ask for more. */
const iterationsMax = 1_000_000;
/** No honest message comes near this, characters. */
const messageCharsMax = 4096;

/** "n,,": no channel binding, no authorization id; and its base64. */
const gs2Header = 'n,,';
const channelBinding = Buffer.from(gs2Header).toString('base64');

const pbkdf2Async = promisify(pbkdf2);

/**
 * @param nonce ours; random unless a test replays a published exchange.
 */
export function scramExchange(
  config: SaslPasswordConfig & { mechanism: keyof typeof hashes },
  nonce: string = randomBytes(24).toString('base64'),
): SaslExchange {
  const hash = hashes[config.mechanism];
  const clientFirstBare = `n=${escapeName(config.username)},r=${nonce}`;
  let expectedSignature: Buffer | null = null;

  return {
    mechanism: config.mechanism,
    first: async () => Buffer.from(gs2Header + clientFirstBare, 'utf8'),
    async next(answer) {
      const message = readMessage(answer);
      if (expectedSignature !== null) {
        checkServerFinal(message, expectedSignature);
        return null;
      }
      const server = readServerFirst(message, nonce);
      const saltedPassword = await pbkdf2Async(
        config.password,
        server.salt,
        server.iterations,
        hashBytes[hash],
        hash,
      );
      const clientFinalBare = `c=${channelBinding},r=${server.nonce}`;
      const authMessage = `${clientFirstBare},${message},${clientFinalBare}`;
      const clientKey = hmac(hash, saltedPassword, 'Client Key');
      const storedKey = createHash(hash).update(clientKey).digest();
      const proof = xor(clientKey, hmac(hash, storedKey, authMessage));
      expectedSignature = hmac(hash, hmac(hash, saltedPassword, 'Server Key'), authMessage);
      return Buffer.from(`${clientFinalBare},p=${proof.toString('base64')}`, 'utf8');
    },
  };
}

function readServerFirst(
  message: string,
  nonce: string,
): { nonce: string; salt: Buffer; iterations: number } {
  // A mandatory extension (m=) would come first, and RFC 5802 says to fail on one we don't know.
  const match = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9/+]+={0,2}),i=(\d{1,10})(,.*)?$/.exec(message);
  if (match === null) throw failed('its first message does not follow RFC 5802');
  const serverNonce = match[1]!;
  if (!serverNonce.startsWith(nonce) || serverNonce.length === nonce.length)
    throw failed('it did not extend our nonce');
  const iterations = Number(match[3]);
  if (iterations < iterationsMin || iterations > iterationsMax)
    throw failed(
      `it asks for ${iterations} iterations; between ${iterationsMin} and ${iterationsMax} are accepted`,
    );
  return { nonce: serverNonce, salt: Buffer.from(match[2]!, 'base64'), iterations };
}

function checkServerFinal(message: string, expectedSignature: Buffer): void {
  if (message.startsWith('e=')) throw failed(`it refused: ${message.slice(2, 100)}`);
  const match = /^v=([A-Za-z0-9/+]+={0,2})(,.*)?$/.exec(message);
  const signature = match === null ? Buffer.alloc(0) : Buffer.from(match[1]!, 'base64');
  if (signature.length !== expectedSignature.length || !timingSafeEqual(signature, expectedSignature))
    throw failed('it could not prove that it knows the password: is this really the broker?');
}

function readMessage(answer: Buffer): string {
  if (answer.length > messageCharsMax) throw failed('its message is too long');
  return answer.toString('utf8');
}

/** RFC 5802: "=" and "," in names are written =3D and =2C. */
function escapeName(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll(',', '=2C');
}

function hmac(hash: string, key: Buffer, text: string): Buffer {
  return createHmac(hash, key).update(text, 'utf8').digest();
}

function xor(a: Buffer, b: Buffer): Buffer {
  const result = Buffer.alloc(a.length);
  for (let index = 0; index < a.length; index += 1) result[index] = a[index]! ^ b[index]!;
  return result;
}

function failed(why: string): LockstepError {
  return new LockstepError('AUTHENTICATION_FAILED', `The broker's side of SCRAM failed: ${why}.`);
}
