import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../clock.ts';
import { oauthBearerExchange } from './oauthbearer.ts';
import { tokenSource } from './token-source.ts';

describe('OAUTHBEARER', () => {
  it('sends the message of RFC 7628 with extensions', async () => {
    const exchange = oauthBearerExchange(async () => 'abc.def', { logicalCluster: 'lkc-1' });
    expect((await exchange.first()).toString()).toBe(
      'n,,\x01auth=Bearer abc.def\x01logicalCluster=lkc-1\x01\x01',
    );
    expect(await exchange.next(Buffer.alloc(0))).toBeNull();
  });

  it('asks for the error of a broker that answers with JSON', async () => {
    const exchange = oauthBearerExchange(async () => 'abc');
    await exchange.first();
    expect(await exchange.next(Buffer.from('{"status":"invalid_token"}'))).toEqual(Buffer.from([1]));
  });

  it.each([
    ['a token with a separator in it', 'secret\x01auth', {}],
    ['an empty token', '', {}],
    ['an extension called auth', 'secret', { auth: 'x' }],
    ['an extension with a separator', 'secret', { a: 'x\x01y' }],
  ])('refuses %s, without showing the token', async (_name, token, extensions) => {
    const sent = oauthBearerExchange(async () => token, extensions).first();
    await expect(sent).rejects.toThrow(expect.objectContaining({ code: 'AUTHENTICATION_FAILED' }));
    await expect(sent).rejects.not.toThrow(/secret/);
  });
});

describe('tokenSource', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());
  let nowMs = 0;
  const clock: Clock = { nowMs: () => nowMs, after: () => () => {} };

  async function endpoint(answer: (request: IncomingMessage, body: string) => [number, string]) {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (part) => {
        body += part;
      });
      request.on('end', () => {
        const [status, text] = answer(request, body);
        response.writeHead(status).end(text);
      });
    });
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token?x=1`;
    return { url, clientId: 'id:1', clientSecret: 'hidden&', scope: 'kafka' };
  }

  it('asks the endpoint once for many connections and again near the end of the token', async () => {
    const seen: string[] = [];
    const tokenEndpoint = await endpoint((request, body) => {
      seen.push(`${request.headers.authorization} ${body}`);
      return [200, JSON.stringify({ access_token: `token-${seen.length}`, expires_in: 100 })];
    });
    const source = tokenSource({ mechanism: 'OAUTHBEARER', tokenEndpoint }, clock);
    expect(await Promise.all([source(), source(), source()])).toEqual(['token-1', 'token-1', 'token-1']);
    nowMs += 79_000;
    expect(await source()).toBe('token-1');
    nowMs += 2_000;
    expect(await source()).toBe('token-2');
    const basic = Buffer.from('id%3A1:hidden%26').toString('base64');
    expect(seen[0]).toBe(`Basic ${basic} grant_type=client_credentials&scope=kafka`);
    expect(seen).toHaveLength(2);
  });

  it.each([
    ['a refusal', [401, '{"error":"invalid_client"}'], /HTTP 401 \(invalid_client\)/],
    ['no token', [200, '{}'], /without an access_token/],
    ['no JSON', [200, '<html>'], /without an access_token/],
    ['an endless answer', [200, 'x'.repeat(300_000)], /too long/],
  ] as [string, [number, string], RegExp][])(
    'names the endpoint on %s, not the secret',
    async (_name, answer, message) => {
      const tokenEndpoint = await endpoint(() => answer);
      const asked = tokenSource({ mechanism: 'OAUTHBEARER', tokenEndpoint }, clock)();
      await expect(asked).rejects.toThrow(message);
      await expect(asked).rejects.not.toThrow(/hidden/);
    },
  );

  it('refuses to send a secret in clear text to another machine', async () => {
    const tokenEndpoint = { url: 'http://example.com/token', clientId: 'a', clientSecret: 'hidden' };
    await expect(tokenSource({ mechanism: 'OAUTHBEARER', tokenEndpoint }, clock)()).rejects.toThrow(/https/);
  });

  it('wants exactly one source', () => {
    expect(() => tokenSource({ mechanism: 'OAUTHBEARER' }, clock)).toThrow(/0 are given/);
    expect(() => tokenSource({ mechanism: 'OAUTHBEARER', token: 'a', tokenFile: 'b' }, clock)).toThrow(
      /2 are/,
    );
  });

  it('reads the file for each login; one that can not be used for a moment leaves the former token', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'lockstep-token-'));
    const tokenFile = path.join(folder, 'token');
    const warnings: string[] = [];
    try {
      const source = tokenSource({ mechanism: 'OAUTHBEARER', tokenFile }, clock, (text) =>
        warnings.push(text),
      );
      await expect(source()).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
      await writeFile(tokenFile, 'first.token\n');
      expect(await source()).toBe('first.token');
      await writeFile(tokenFile, '');
      expect(await source()).toBe('first.token');
      await rm(tokenFile);
      expect(await source()).toBe('first.token');
      await writeFile(tokenFile, 'second.token');
      expect(await source()).toBe('second.token');
      expect(warnings).toEqual([
        expect.stringMatching(/holds no token\. The former token stays in use\.$/),
        expect.stringMatching(/can't be read\. The former token stays in use\.$/),
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('keeps a token to its end while the endpoint fails', async () => {
    let isDown = false;
    const tokenEndpoint = await endpoint(() =>
      isDown ? [503, ''] : [200, JSON.stringify({ access_token: 'abc', expires_in: 100 })],
    );
    const source = tokenSource({ mechanism: 'OAUTHBEARER', tokenEndpoint }, clock);
    nowMs = 0;
    expect(await source()).toBe('abc');
    isDown = true;
    nowMs = 99_000;
    expect(await source()).toBe('abc');
    nowMs = 100_000;
    await expect(source()).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
  });
});
