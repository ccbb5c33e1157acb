// One request to an OAuth 2 token endpoint: the client-credentials grant of RFC 6749, section 4.4. Bounded in
// time and bytes; the secret and the token appear in no error.
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { LockstepError } from '../../errors.ts';
import type { OAuthTokenEndpoint } from '../config.ts';

const timeoutMs = 10_000;
const answerBytesMax = 256 * 1024;
/** Assumed when the endpoint does not say (RFC 6749 only recommends that it does), seconds. */
const lifetimeSecondsDefault = 60;

/** @throws LockstepError AUTHENTICATION_FAILED, naming the endpoint, when no token comes back. */
export async function requestToken(
  endpoint: OAuthTokenEndpoint,
): Promise<{ token: string; lifetimeMs: number }> {
  const url = endpointUrl(endpoint);
  const answer = await post(url, endpoint);
  if (answer.status !== 200) {
    throw failed(
      url,
      `answered HTTP ${answer.status}${oauthError(answer.text)}; check clientId and clientSecret`,
    );
  }
  const { access_token: token, expires_in: lifetimeSeconds } = parseObject(answer.text);
  if (typeof token !== 'string' || token === '') throw failed(url, 'answered without an access_token');
  const seconds = Number(lifetimeSeconds ?? lifetimeSecondsDefault);
  return {
    token,
    lifetimeMs: (Number.isFinite(seconds) && seconds > 0 ? seconds : lifetimeSecondsDefault) * 1000,
  };
}

function endpointUrl(endpoint: OAuthTokenEndpoint): URL {
  const url = URL.canParse(endpoint.url) ? new URL(endpoint.url) : null;
  const loopback = url !== null && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && loopback)) return url;
  throw new LockstepError(
    'CONFIG_INVALID',
    'The OAUTHBEARER tokenEndpoint must be an https:// address (http:// only on this machine): a secret goes there.',
  );
}

function post(url: URL, endpoint: OAuthTokenEndpoint): Promise<{ status: number; text: string }> {
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (endpoint.scope !== undefined) form.set('scope', endpoint.scope);
  if (endpoint.audience !== undefined) form.set('audience', endpoint.audience);
  const encode = endpoint.urlEncode === false ? String : encodeURIComponent;
  const credentials = `${encode(endpoint.clientId)}:${encode(endpoint.clientSecret)}`;
  const options = {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
      authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
    },
    signal: AbortSignal.timeout(timeoutMs),
    ...(endpoint.ca === undefined ? {} : { ca: endpoint.ca }),
  };
  return new Promise((resolve, reject) => {
    const onError = (cause: Error) => reject(failed(url, `can't be used: ${cause.message}`, cause));
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options, (response) => {
      const parts: Buffer[] = [];
      let answerBytes = 0;
      response.on('data', (part: Buffer) => {
        answerBytes += part.length;
        if (answerBytes > answerBytesMax) response.destroy(new Error('its answer is too long'));
        else parts.push(part);
      });
      response.on('error', onError);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') }),
      );
    });
    request.on('error', onError);
    request.end(form.toString());
  });
}

/** The `error` of RFC 6749, section 5.2, which holds no secret. */
function oauthError(text: string): string {
  const { error } = parseObject(text);
  return typeof error === 'string' && /^[\x20-\x7e]{1,80}$/.test(error) ? ` (${error})` : '';
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function failed(url: URL, what: string, cause?: Error): LockstepError {
  return new LockstepError(
    'AUTHENTICATION_FAILED',
    `The OAUTHBEARER token endpoint ${url.origin}${url.pathname} ${what}.`,
    cause === undefined ? {} : { cause },
  );
}
