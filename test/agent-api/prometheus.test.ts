// A real Prometheus scrapes a real server and answers questions; promtool checks what is served and the alerts.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Api, startApi } from '../../src/agent/api/index.ts';
import { AgentMetrics } from '../../src/agent/metrics/index.ts';
import { loadCodecs } from '../../src/records/index.ts';
import { fullView } from '../support/agent-view.ts';
import {
  prometheusIsInstalled,
  promtool,
  type RunningPrometheus,
  startPrometheus,
} from '../support/prometheus.ts';
import { waitFor } from '../support/wait-for.ts';

const alerts = new URL('../../deploy/prometheus/', import.meta.url).pathname;
const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

function check(args: readonly string[], stdin = ''): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(promtool, args, {
    input: stdin,
    cwd: alerts,
    encoding: 'utf8',
  });
  return { status, output: `${stdout}${stderr}` };
}

let metrics: AgentMetrics;
let api: Api;
let prometheus: RunningPrometheus | null = null;

beforeAll(async () => {
  // As the first link of an agent does: which library compresses is told from then on.
  loadCodecs();
  metrics = new AgentMetrics({ view: () => fullView });
  const observer = metrics.observer('us-to-eu');
  observer.countersOf({ topic: 'orders', partition: 0 }).records += 41;
  observer.countersOf({ topic: 'orders', partition: 1 }).errors.appendRefused += 1;
  observer.onFetchAnswered(3);
  observer.onAppendAcknowledged(12);
  const isReady = () => ({ ok: true, reason: null });
  api = await startApi({ port: 0, view: () => fullView, isReady, metrics });
  return () => api.close();
});

afterEach(async () => {
  await prometheus?.stop();
  prometheus = null;
});

async function scraped(per: 'topic' | 'partition'): Promise<RunningPrometheus> {
  const started = await startPrometheus({ targets: [new URL(api.url).host], per });
  prometheus = started;
  await waitFor(async () => (await started.query('lockstep_build_info')).size > 0, {
    deadlineMs: 20_000,
    describe: 'a first scrape',
  });
  expect(await started.targets()).toEqual(['up']);
  return started;
}

describe.skipIf(!prometheusIsInstalled)('Prometheus', () => {
  it('scrapes the API and answers questions about mirrors', async () => {
    const { query } = await scraped('topic');
    const values = async (expression: string) => [...(await query(expression)).values()];
    expect(await values('sum by (topic) (lockstep_lag_records)')).toEqual(['5']);
    expect(await values('lockstep_lag_unknown_partitions')).toEqual(['1']);
    expect(await values('lockstep_mirrored_records_total')).toEqual(['41']);
    expect(await values('lockstep_errors_total{kind="appendRefused"}')).toEqual(['1']);
    expect(await values('histogram_quantile(0.5, lockstep_append_duration_seconds_bucket)')).toEqual([
      '0.015',
    ]);
    expect(await values('lockstep_source_silence_seconds{link="quiet"}')).toEqual([]);
  });

  it('gets a series per partition when its job asks for that', async () => {
    const { query } = await scraped('partition');
    expect((await query('lockstep_partitions{partition="1",state="Diverged"}')).size).toBe(1);
    expect([...(await query('lockstep_group_position')).values()]).toEqual(['115']);
  });
});

describe.skipIf(!prometheusIsInstalled)('promtool', () => {
  it.each([false, true])(
    'finds nothing to say about what is served (per partition: %s)',
    async (isPerPartition) => {
      const text = await metrics.text({ isPerPartition });
      // The process metrics of prom-client are not ours: it has to read them, and may have advice on their names.
      expect(check(['check', 'metrics'], text).status).not.toBe(1);
      const ours = text.split('\n').filter((line) => line.includes('lockstep_'));
      // Days are what people plan certificates by.
      const advice = 'lockstep_certificate_expires_days use base unit "seconds" instead of "days"\n';
      expect(check(['check', 'metrics'], `${ours.join('\n')}\n`).output).toBe(advice);
    },
  );

  it('accepts the alerts', () => {
    expect(check(['check', 'rules', 'lockstep-alerts.yml'])).toMatchObject({ status: 0 });
  });

  it('sees each alert fire on its fault, and silent on a healthy fleet', () => {
    expect(check(['test', 'rules', 'lockstep-alerts.test.yml'])).toMatchObject({ status: 0 });
  });
});

describe('documents', () => {
  interface Rules {
    groups: { rules: { alert: string; expr: string }[] }[];
  }
  const rules = (parse(read('deploy/prometheus/lockstep-alerts.yml')) as Rules).groups.flatMap(
    (group) => group.rules,
  );
  const namesIn = (text: string): Set<string> => new Set(text.match(/lockstep_[a-z_]+/g) ?? []);
  /** All families, also those that have no samples in this view. */
  const families = async (): Promise<Set<string>> => {
    const texts = await Promise.all([false, true].map((isPerPartition) => metrics.text({ isPerPartition })));
    return new Set([...texts.join('\n').matchAll(/^# TYPE (lockstep_\w+)/gm)].map(([, name]) => name!));
  };
  const rowsOf = (file: string, row: RegExp): Set<string> =>
    new Set([...read(file).matchAll(row)].map(([, name]) => name!));

  it('have a row for every metric, and every row is one', async () => {
    const rows = rowsOf('docs/metrics.md', /^\| `(lockstep_\w+)`/gm);
    expect([...rows].sort()).toEqual([...(await families())].sort());
  });

  it('have a row for every alert, and every row is one', () => {
    const rows = rowsOf('docs/metrics.md', /^\| `(Lockstep\w+)`/gm);
    expect([...rows].sort()).toEqual(rules.map(({ alert }) => alert).sort());
  });

  it('and the alerts ask only for metrics that there are, each with a test', async () => {
    const known = await families();
    const tests = read('deploy/prometheus/lockstep-alerts.test.yml');
    for (const { alert, expr } of rules) {
      for (const name of namesIn(expr)) expect(known).toContain(name.replace(/_(bucket|sum|count)$/, ''));
      expect(
        tests.split(`alertname="${alert}",alertstate="firing"}`).length - 1,
        alert,
      ).toBeGreaterThanOrEqual(2);
    }
  });
});
