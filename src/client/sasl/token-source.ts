// Where an OAUTHBEARER token comes from: a fixed string, a file that something else renews, or an OAuth 2
// endpoint asked with the client-credentials grant. Many connections open at once, so an endpoint's token is
// kept for most of its life and asked for once at a time.
import { readFile } from 'node:fs/promises';
import { LockstepError } from '../../errors.ts';
import type { Clock } from '../clock.ts';
import type { OAuthTokenEndpoint, SaslOAuthBearerConfig } from '../config.ts';
import { requestToken } from './token-request.ts';

/** Gives a token that is good now. */
export type TokenSource = () => Promise<string>;

/** A token is asked for anew after this share of its life, so that it doesn't run out on the way. */
const reuseShare = 0.8;

export function tokenSource(config: SaslOAuthBearerConfig, clock: Clock): TokenSource {
  const { token, tokenFile, tokenEndpoint } = config;
  const given = [token, tokenFile, tokenEndpoint].filter((source) => source !== undefined).length;
  if (given !== 1) {
    throw new LockstepError(
      'CONFIG_INVALID',
      `OAUTHBEARER needs exactly one of token, tokenFile and tokenEndpoint; ${given} are given.`,
    );
  }
  if (token !== undefined) return async () => token;
  if (tokenFile !== undefined) return () => readTokenFile(tokenFile);
  return endpointSource(tokenEndpoint!, clock);
}

async function readTokenFile(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new LockstepError('FILE_UNREADABLE', `The OAUTHBEARER token file ${file} can't be read.`, {
      cause,
    });
  }
}

function endpointSource(endpoint: OAuthTokenEndpoint, clock: Clock): TokenSource {
  let kept: { token: string; untilMs: number } | null = null;
  let asking: Promise<string> | null = null;

  return () => {
    if (kept !== null && clock.nowMs() < kept.untilMs) return Promise.resolve(kept.token);
    asking ??= ask().finally(() => {
      asking = null;
    });
    return asking;
  };

  async function ask(): Promise<string> {
    const { token, lifetimeMs } = await requestToken(endpoint);
    kept = { token, untilMs: clock.nowMs() + lifetimeMs * reuseShare };
    return token;
  }
}
