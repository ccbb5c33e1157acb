// What a scrape tells: sums and extremes per topic, nothing that is unknown, and counters that never go back.
import { describe, expect, it } from 'vitest';
import { agentView, fullView, linkView, viewAtMs } from '../../../test/support/agent-view.ts';
import { partition } from '../../../test/support/link-status.ts';
import { compress, decompress } from '../../records/index.ts';
import type { AgentView } from '../view.ts';
import { AgentMetrics } from './agent-metrics.ts';

/** The lines of a scrape that are samples, without those of the process. */
async function scrape(
  view: AgentView | null,
  { isPerPartition = false, metrics = new AgentMetrics({ view: () => view }) } = {},
): Promise<string[]> {
  const text = await metrics.text({ isPerPartition });
  return text.split('\n').filter((line) => line.startsWith('lockstep_'));
}

const about = (lines: readonly string[], name: string): string[] =>
  lines.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));

const topic = (partitions: Parameters<typeof partition>[0][]): AgentView =>
  agentView([linkView({ partitions: partitions.map((fields) => partition(fields)) })]);

describe('a series per topic', () => {
  it('is the sum of the lags that are known, and says how many are not', async () => {
    const lines = await scrape(
      topic([
        { partition: 0, lagRecords: 5n },
        { partition: 1, lagRecords: 7n },
        { partition: 2, lagRecords: null, behindMs: null },
      ]),
    );
    expect(about(lines, 'lockstep_lag_records')).toEqual([
      'lockstep_lag_records{link="us-to-eu",topic="orders"} 12',
    ]);
    expect(about(lines, 'lockstep_lag_unknown_partitions')).toEqual([
      'lockstep_lag_unknown_partitions{link="us-to-eu",topic="orders"} 1',
    ]);
  });

  it('is absent where nothing is known, never 0', async () => {
    const unknown = { lagRecords: null, behindMs: null, lastFetchAtMs: null, openTransactionSinceMs: null };
    const lines = await scrape(topic([{ partition: 0, ...unknown }]));
    for (const name of ['lag_records', 'lag_seconds', 'last_fetch_age_seconds'])
      expect(about(lines, `lockstep_${name}`)).toEqual([]);
    expect(about(lines, 'lockstep_oldest_open_transaction_seconds')).toEqual([]);
    expect(about(lines, 'lockstep_lag_unknown_partitions')).toHaveLength(1);
  });

  it('is the worst of the partitions for times', async () => {
    const lines = await scrape(
      topic(
        [
          { partition: 0, behindMs: 1_500, lastFetchAtMs: viewAtMs - 250 },
          { partition: 1, behindMs: 400, lastFetchAtMs: viewAtMs - 9_000 },
          { partition: 2, behindMs: 0, openTransactionSinceMs: viewAtMs - 90_000 },
        ].map((fields) => ({ lastFetchAtMs: viewAtMs, ...fields })),
      ),
    );
    expect(about(lines, 'lockstep_lag_seconds')[0]).toMatch(/ 1\.5$/);
    expect(about(lines, 'lockstep_last_fetch_age_seconds')[0]).toMatch(/ 9$/);
    expect(about(lines, 'lockstep_oldest_open_transaction_seconds')[0]).toMatch(/ 90$/);
  });

  it('counts the partitions in each state, and those that wait for a person', async () => {
    const lines = await scrape(
      topic([{ partition: 0 }, { partition: 1 }, { partition: 2, state: 'Diverged', isStopped: true }]),
    );
    expect(about(lines, 'lockstep_partitions')).toEqual([
      'lockstep_partitions{link="us-to-eu",topic="orders",state="Mirroring"} 2',
      'lockstep_partitions{link="us-to-eu",topic="orders",state="Diverged"} 1',
    ]);
    expect(about(lines, 'lockstep_stopped_partitions')[0]).toMatch(/ 1$/);
  });
});

it('has a series per partition when that is asked for', async () => {
  const lines = await scrape(
    topic([
      { partition: 0, lagRecords: 5n },
      { partition: 1, lagRecords: 7n },
    ]),
    {
      isPerPartition: true,
    },
  );
  expect(about(lines, 'lockstep_lag_records')).toEqual([
    'lockstep_lag_records{link="us-to-eu",topic="orders",partition="0"} 5',
    'lockstep_lag_records{link="us-to-eu",topic="orders",partition="1"} 7',
  ]);
});

describe('counters', () => {
  it('go on where they were when a partition left and came back', async () => {
    const metrics = new AgentMetrics({ view: () => agentView([linkView()]) });
    const observer = metrics.observer('us-to-eu');
    const counters = observer.countersOf({ topic: 'orders', partition: 3 });
    counters.records += 10;
    counters.errors.fetchRefused += 1;
    observer.countersOf({ topic: 'orders', partition: 3 }).records += 5;
    observer.countersOf({ topic: 'orders', partition: 0 }).records += 1;
    const lines = await scrape(null, { metrics });
    expect(about(lines, 'lockstep_mirrored_records_total')).toEqual([
      'lockstep_mirrored_records_total{link="us-to-eu",topic="orders"} 16',
    ]);
    expect(about(lines, 'lockstep_topic_errors_total')).toEqual([
      'lockstep_topic_errors_total{link="us-to-eu",topic="orders",kind="fetchRefused"} 1',
    ]);
    // All kinds from the start, or the first error would not be seen as an increase.
    expect(about(lines, 'lockstep_errors_total')).toHaveLength(6);
    const each = about(
      await scrape(null, { metrics, isPerPartition: true }),
      'lockstep_mirrored_records_total',
    );
    expect(each.map((line) => line.match(/partition="(\d)"\} (\d+)/)!.slice(1))).toEqual([
      ['0', '1'],
      ['3', '15'],
    ]);
  });

  it('have cumulative buckets for latencies', async () => {
    const metrics = new AgentMetrics({ view: () => agentView([linkView()]) });
    const observer = metrics.observer('us-to-eu');
    for (const tookMs of [0.4, 1, 3, 40_000]) observer.onAppendAcknowledged(tookMs);
    const lines = await scrape(null, { metrics });
    const bucket = (le: string) =>
      lines.find(
        (line) => line.startsWith('lockstep_append_duration_seconds_bucket') && line.includes(`le="${le}"`),
      );
    expect(bucket('0.001')).toMatch(/ 2$/);
    expect(bucket('0.005')).toMatch(/ 3$/);
    expect(bucket('30')).toMatch(/ 3$/);
    expect(bucket('+Inf')).toMatch(/ 4$/);
    expect(lines).toContain('lockstep_append_duration_seconds_count{link="us-to-eu"} 4');
  });
});

describe('links and what travels along', () => {
  it('tell the silence of a source, and nothing where it was never heard', async () => {
    const lines = await scrape(fullView);
    expect(about(lines, 'lockstep_source_silence_seconds')).toEqual([
      'lockstep_source_silence_seconds{link="us-to-eu",source="us-east"} 1.5',
    ]);
    expect(about(lines, 'lockstep_certificate_expires_days')[0]).toMatch(/subject="CN=agent"\} 10$/);
    expect(about(lines, 'lockstep_group_behind_records')).toEqual([
      'lockstep_group_behind_records{link="us-to-eu",group="billing",topic="orders"} 5',
    ]);
    expect(about(lines, 'lockstep_rights')).toContain(
      'lockstep_rights{link="us-to-eu",kind="acls",state="ForeignOwner"} 1',
    );
  });

  it('count nothing before a first look came through', async () => {
    const [link] = fullView.links;
    const { acls, quotas, users } = link!.rights!;
    const failed = {
      state: 'Failed',
      lookedAtMs: null,
      copiedCount: 0,
      unprotected: [],
      missing: [],
    } as const;
    const rights = { acls: { ...acls, ...failed }, quotas, users: { ...users, ...failed } };
    const groups = { ...link!.groups!, lookedAtMs: null, lastError: null, groups: [] };
    const lines = await scrape({ ...fullView, links: [{ ...link!, rights, groups }] });
    for (const name of [
      'acls_copied',
      'acls_withheld',
      'unprotected_mirrors',
      'missing_users',
      'groups_failing',
    ])
      expect(about(lines, `lockstep_${name}`)).toEqual([]);
    expect(about(lines, 'lockstep_rights')).toHaveLength(3);
    expect(about(await scrape(fullView), 'lockstep_missing_users')).toHaveLength(1);
  });

  it('count two certificates of one name as the one that expires first', async () => {
    const [link] = fullView.links;
    const [certificate] = link!.certificates;
    const later = { ...certificate!, expiresAtMs: certificate!.expiresAtMs + 86_400_000 };
    const certificates = [later, certificate!, later];
    const lines = await scrape({ ...fullView, links: [{ ...link!, certificates }] });
    expect(about(lines, 'lockstep_certificate_expires_days').map((line) => line.split(' ').at(-1))).toEqual([
      '10',
    ]);
    const series = lines.map((line) => line.slice(0, line.lastIndexOf(' ')));
    expect(new Set(series).size).toBe(series.length);
  });

  it('are told by the leader alone where all agents know them', async () => {
    const view = { ...fullView, agent: { ...fullView.agent, isLeader: false } };
    expect(about(await scrape(view), 'lockstep_mirrors')).toEqual([]);
    expect(about(await scrape(fullView), 'lockstep_mirrors')).toContain(
      'lockstep_mirrors{link="us-to-eu",state="Promoted"} 1',
    );
  });
});

it('counts compressed batches that this process opened, and no others', async () => {
  const opened = async () =>
    Number(about(await scrape(null), 'lockstep_decompressed_batches_total')[0]!.split(' ')[1]);
  const before = await opened();
  decompress('none', compress('none', Buffer.from('a')));
  expect(await opened()).toBe(before);
  for (const codec of ['gzip', 'snappy', 'lz4', 'zstd'] as const)
    decompress(codec, compress(codec, Buffer.from('a')));
  expect(await opened()).toBe(before + 4);
});

it('tells whether LZ4 is done natively, once it was done', async () => {
  compress('lz4', Buffer.from('a'));
  expect(about(await scrape(null), 'lockstep_lz4_native')).toEqual(['lockstep_lz4_native 1']);
});

it('tells of the process alone while the agent does not know how things stand', async () => {
  const metrics = new AgentMetrics({ view: () => null });
  expect(await metrics.text({ isPerPartition: false })).toContain('process_resident_memory_bytes');
});

describe('10,000 partitions', () => {
  const view = agentView([
    linkView({
      partitions: Array.from({ length: 10_000 }, (_, index) =>
        partition({ topic: `topic-${Math.floor(index / 10)}`, partition: index % 10 }),
      ),
    }),
  ]);
  const metrics = new AgentMetrics({ view: () => view });
  for (const status of view.links[0]!.partitions)
    metrics.observer('us-to-eu').countersOf(status).records += 1;

  // Processor time, which other work on the machine does not count into. Measured: docs/metrics.md.
  it('are scraped per topic in well under a second of a core', async () => {
    await metrics.text({ isPerPartition: false });
    const before = process.cpuUsage();
    const text = await metrics.text({ isPerPartition: false });
    const { user, system } = process.cpuUsage(before);
    expect(text.split('\n').length).toBeLessThan(15_000);
    expect((user + system) / 1_000).toBeLessThan(500);
  });
});

it("says of the leader how heartbeats and checkpoints for MirrorMaker 2's readers stand", async () => {
  const common = { state: 'Telling', reason: null, sinceMs: 0 } as const;
  const told: AgentView['agent']['told'] = [
    {
      ...{ kind: 'heartbeats', ...common, topic: 'heartbeats', lastWrittenAtMs: viewAtMs - 500 },
      ...{ sourceAlias: 'us', destinationAlias: 'eu' },
    },
    {
      ...{ kind: 'checkpoints', ...common, topic: 'us.checkpoints.internal', lastWrittenAtMs: null },
      ...{ link: 'us-to-eu', positionCount: 0, state: 'NotAuthorized' },
    },
  ];
  const view = agentView([]);
  const lines = await scrape({ ...view, agent: { ...view.agent, told } });
  expect(about(lines, 'lockstep_told_state')).toEqual([
    'lockstep_told_state{kind="heartbeats",source="us",destination="eu",topic="heartbeats",state="Telling"} 1',
    'lockstep_told_state{kind="checkpoints",link="us-to-eu",topic="us.checkpoints.internal",state="NotAuthorized"} 1',
  ]);
  expect(about(lines, 'lockstep_told_age_seconds')).toEqual([
    'lockstep_told_age_seconds{kind="heartbeats",source="us",destination="eu",topic="heartbeats"} 0.5',
  ]);
});
