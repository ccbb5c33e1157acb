// Two agents as processes, a link, real regions: what their APIs answer is what the OpenAPI document says, and Prometheus
// adds up what both tell.
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { Cluster, createTopics, unwrap } from '../../src/client/index.ts';
import { findFreePort } from '../../src/regions/ports.ts';
import { startAgent } from '../cli/running-agent.ts';
import { configOf } from '../client/support.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { prometheusIsInstalled, startPrometheus } from '../support/prometheus.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const [partitionCount, recordCount] = [4, 400];

interface Operation {
  get: { responses: { 200: { content: { 'application/json'?: { schema: { $ref?: string } } } } } };
}
const document = JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8')) as {
  paths: Record<string, Operation>;
};

/** What is wrong with an answer, by the document; null: nothing. */
function problemsOf(path: string, body: unknown): unknown {
  const reference = document.paths[path]!.get.responses[200].content['application/json']!.schema.$ref!;
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(document, 'openapi');
  const validate = ajv.getSchema(`openapi${reference}`)!;
  return validate(body) ? null : validate.errors;
}

async function createOrders(): Promise<void> {
  const cluster = await Cluster.connect(configOf(regions['us-east']));
  try {
    const topics = [{ name: 'orders', partitionCount, replicationFactor: 1 }];
    for (const outcome of (await createTopics(cluster, topics)).values()) unwrap(outcome);
  } finally {
    cluster.close();
  }
  await platformaticProduce({
    bootstrap: regions['us-east'].bootstrap,
    topic: 'orders',
    messages: Array.from({ length: recordCount }, (_, index) => ({
      partition: index % partitionCount,
      value: Buffer.from(`SECRET-CONTENT ${index}`),
    })),
  });
}

test('two agents answer for the whole fleet, and their metrics add up', async () => {
  await createOrders();
  const at = ['--bootstrap-server', regions['eu-west'].bootstrap.join(',')];
  const ports = [await findFreePort(), await findFreePort()];
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  const start = (index: number) =>
    startAgent([
      ...at,
      '--id',
      `agent-${index}`,
      '--http',
      `127.0.0.1:${ports[index]}`,
      '--log-level',
      'debug',
    ]);
  await using first = start(0);
  await using second = start(1);
  const logs = () => `${first.log()}\n${second.log()}`;
  const get = async (url: string, path: string) => (await fetch(`${url}${path}`)).json();

  for (const url of urls)
    await waitFor(async () => (await fetch(`${url}/readyz`)).ok, {
      deadlineMs: 60_000,
      describe: () => `${url} to be ready: ${logs()}`,
    });
  const source = ['--source', 'us-east', '--source-bootstrap', regions['us-east'].bootstrap.join(',')];
  const created = await lockstepCommand(
    'links',
    'create',
    'us-to-eu',
    ...source,
    '--topics',
    'orders',
    ...at,
  );
  expect(created).toMatchObject({ exitCode: 0 });

  // Each agent knows of all partitions, its own and the other's.
  let seen: unknown;
  type Details = { partitions: { agent: string; lagRecords: string | null; mirrorEnd: string | null }[] };
  for (const url of urls)
    await waitFor(
      async () => {
        const { partitions } = (await get(url, '/v1/links/us-to-eu/mirrors/orders')) as Details;
        seen = partitions;
        return (
          partitions.length === partitionCount &&
          partitions.every(
            (each) => each.lagRecords === '0' && each.mirrorEnd === String(recordCount / partitionCount),
          ) &&
          new Set(partitions.map(({ agent }) => agent)).size === 2
        );
      },
      { deadlineMs: 90_000, describe: () => `all partitions at ${url}: ${JSON.stringify(seen)}\n${logs()}` },
    );

  for (const url of urls)
    for (const path of Object.keys(document.paths).filter((each) => /^\/(v1|healthz|readyz)/.test(each))) {
      const body = await get(url, path.replace('{link}', 'us-to-eu').replace('{topic}', 'orders'));
      expect({ path, problems: problemsOf(path, body) }).toEqual({ path, problems: null });
    }
  type Agents = { agents: { id: string; isLeader: boolean; api: string }[] };
  let agents: Agents['agents'] = [];
  await waitFor(
    async () => {
      ({ agents } = (await get(urls[1]!, '/v1/agents')) as Agents);
      return agents.length === 2 && agents.filter(({ isLeader }) => isLeader).length === 1;
    },
    { deadlineMs: 30_000, describe: () => `one leader among ${JSON.stringify(agents)}` },
  );
  expect(new Map(agents.map(({ id, api }) => [id, api]))).toEqual(
    new Map([
      ['agent-0', urls[0]],
      ['agent-1', urls[1]],
    ]),
  );

  if (prometheusIsInstalled) {
    const prometheus = await startPrometheus({ targets: ports.map((port) => `127.0.0.1:${port}`) });
    try {
      const value = async (expression: string) =>
        Number([...(await prometheus.query(expression)).values()][0]);
      const told = 'sum by (topic) (lockstep_partitions{link="us-to-eu",state="Mirroring"})';
      await waitFor(async () => (await value(told)) === partitionCount, {
        deadlineMs: 30_000,
        describe: 'Prometheus to have scraped both',
      });
      expect(await value('sum(lockstep_mirrored_records_total)')).toBe(recordCount);
      expect(await value('sum(lockstep_lag_records)')).toBe(0);
      expect(await value('sum(lockstep_agent_is_leader)')).toBe(1);
      expect(await value('sum(lockstep_agent_is_joined)')).toBe(2);
      expect(await value('sum(lockstep_mirrors{state="Mirroring"})')).toBe(1);
      expect(await value('max(lockstep_source_silence_seconds)')).toBeLessThan(5);
      expect(await value('max(lockstep_last_fetch_age_seconds)')).toBeLessThan(5);
      expect(await value('sum(lockstep_append_duration_seconds_count)')).toBeGreaterThan(0);
      expect(await value('count(lockstep_oldest_open_transaction_seconds)')).toBeNaN();
    } finally {
      await prometheus.stop();
    }
  }

  expect([await first.stop(), await second.stop()]).toEqual([0, 0]);
  for (const line of logs()
    .split('\n')
    .filter((each) => each !== ''))
    expect(JSON.parse(line)).toMatchObject({
      level: expect.any(String),
      agent: expect.any(String),
      msg: expect.any(String),
    });
  expect(logs()).not.toContain('SECRET-CONTENT');
});
