// Where an OAUTHBEARER token comes from: a fixed string, a file that something else renews, or an OAuth 2
// endpoint asked with the client-credentials grant. Many connections open at once, so an endpoint's token is
// kept for most of its life and asked for once at a time. A file that can't be read for a moment, or an endpoint that does
// not answer, leaves the former token in use: the broker says when it is over.
import { readFile } from 'node:fs/promises';
import { LockstepError } from '../../errors.ts';
import type { Clock } from '../clock.ts';
import type { OAuthTokenEndpoint, SaslOAuthBearerConfig } from '../config.ts';
import { isToken } from './oauthbearer.ts';

/** Gives a token that is good now. */
export type TokenSource = () => Promise<string>;

/** A token is asked for anew after this share of its life, so that it doesn't run out on the way. */
const reuseShare = 0.8;

/** @param onWarning told in words when a former token stays in use. */
export function tokenSource(
  config: SaslOAuthBearerConfig,
  clock: Clock,
  onWarning: (text: string) => void = () => {},
): TokenSource {
  const { token, tokenFile, tokenEndpoint } = config;
  const given = [token, tokenFile, tokenEndpoint].filter((source) => source !== undefined).length;
  if (given !== 1) {
    throw new LockstepError(
      'CONFIG_INVALID',
      `OAUTHBEARER needs exactly one of token, tokenFile and tokenEndpoint; ${given} are given.`,
    );
  }
  if (token !== undefined) return async () => token;
  if (tokenFile !== undefined) return fileSource(tokenFile, onWarning);
  return endpointSource(tokenEndpoint!, clock, onWarning);
}

function fileSource(file: string, onWarning: (text: string) => void): TokenSource {
  let kept: string | null = null;
  return async () => {
    try {
      kept = await readTokenFile(file);
      return kept;
    } catch (error) {
      if (kept === null || !(error instanceof LockstepError)) throw error;
      onWarning(`${error.message} The former token stays in use.`);
      return kept;
    }
  };
}

async function readTokenFile(file: string): Promise<string> {
  let token: string;
  try {
    token = (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new LockstepError('FILE_UNREADABLE', `The OAUTHBEARER token file ${file} can't be read.`, {
      cause,
    });
  }
  if (isToken(token)) return token;
  throw new LockstepError('FILE_UNREADABLE', `The OAUTHBEARER token file ${file} holds no token.`);
}

function endpointSource(
  endpoint: OAuthTokenEndpoint,
  clock: Clock,
  onWarning: (text: string) => void,
): TokenSource {
  let kept: { token: string; untilMs: number; endMs: number } | null = null;
  let asking: Promise<string> | null = null;

  // Node's HTTP takes 4 MB of memory, and few need it. Who does has it from the start: an agent runs for months.
  const loaded = import('./token-request.ts');
  loaded.catch(() => {}); // told by whoever asks for a token

  return () => {
    if (kept !== null && clock.nowMs() < kept.untilMs) return Promise.resolve(kept.token);
    asking ??= ask().finally(() => {
      asking = null;
    });
    return asking;
  };

  async function ask(): Promise<string> {
    try {
      const { requestToken } = await loaded;
      const { token, lifetimeMs } = await requestToken(endpoint);
      const nowMs = clock.nowMs();
      kept = { token, untilMs: nowMs + lifetimeMs * reuseShare, endMs: nowMs + lifetimeMs };
      return token;
    } catch (error) {
      if (kept === null || clock.nowMs() >= kept.endMs || !(error instanceof LockstepError)) throw error;
      onWarning(`${error.message} The former token stays in use.`);
      return kept.token;
    }
  }
}
