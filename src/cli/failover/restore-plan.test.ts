import { describe, expect, test } from 'vitest';
import type { PartitionPlan, RestorePlan, TopicPlan } from '../../failover/restore/index.ts';
import { formatJson } from '../output/json.ts';
import { planAsJson, planLines } from './restore-plan.ts';

const mib = 1024n * 1024n;

function partition(fields: Partial<PartitionPlan> = {}): PartitionPlan {
  return {
    ...{ partition: 0, standing: 'ahead', partingOffset: 80n, logStart: 0n, logEnd: 100n, cutOffset: 80n },
    olderEnd: 0n,
    compared: { start: 0n, end: 80n },
    ...fields,
  };
}

function topic(name: string, fields: Partial<TopicPlan> = {}): TopicPlan {
  return {
    ...{ topic: name, fate: 'copyAgain', topicId: 'old', homeTopicId: 'new', homePartitionCount: 1 },
    ...{ partitions: [partition()], isCompacted: false, beginsAt: [80n] },
    savedTo: `${name}.lost-20261121T184000Z`,
    cost: {
      copyBytes: { all: 2048n * mib, 'from-divergence': 20n * mib },
      ...{ tailBytes: 5n * mib, olderBytes: 0n, freedBytes: 1024n * mib, replicationFactor: 3 },
    },
    ...fields,
  };
}

const plan: RestorePlan = {
  ...{ region: 'us-east', home: 'eu-west', onlyHere: ['drafts'] },
  topics: [
    topic('orders'),
    topic('keys', { isCompacted: true, partitions: [partition({ standing: 'recreated', cutOffset: null })] }),
    topic('bills', { fate: 'continue', partitions: [partition({ standing: 'continues' })] }),
    topic('old', { fate: 'leaveAlone', partitions: [] }),
    topic('wiped', { fate: 'copyAnew', partitions: [], savedTo: null }),
    topic('aged', { partitions: [partition({ partingOffset: 95n, olderEnd: 95n, logStart: 95n })] }),
  ],
  usableBytes: new Map([[1, 100n * 1024n * mib]]),
};

describe('the plan of a restore', () => {
  const lines = planLines({ plan, history: 'from-divergence', windowOffsets: 10_000n });
  const text = lines.join('\n');

  test('says what stays, what is copied, saved, deleted, and lost for good', () => {
    expect(lines[0]).toBe('us-east is restored from eu-west: 6 topics');
    expect(text).toContain('1 topic continued in place');
    expect(text).toContain('old: not at eu-west (any more); left alone, and waiting as before');
    expect(text).toContain('drafts: only at us-east, never came over');
    expect(text).toContain('LOST: aged-0: retention at us-east has taken offsets 80 to 94');
    expect(text).toContain("4 topics can't be continued");
    expect(text).toContain('what only orders of us-east has, to orders.lost-20261121T184000Z');
    expect(text).toContain('DELETED then, at us-east: orders, keys, aged\n');
    expect(text).toContain('keys: compacted, and copied as a whole');
    expect(text).toContain('the last 10,000 offsets in front of each cut');
  });

  test('names mirrors that somebody else wrote to, where they part, and what is only there', () => {
    const late = partition({ wasContinued: true, partingOffset: 90n, logEnd: 97n });
    const other = partition({ wasContinued: true, standing: 'continues', partition: 1 });
    const told = { ...plan, topics: [topic('orders', { partitions: [late, other] })] };
    const shown = planLines({ plan: told, history: 'all', windowOffsets: 10_000n }).join('\n');
    expect(shown).toContain('orders: somebody wrote to us-east, although eu-west is primary');
    expect(shown).toContain('(partition 0 from offset 90 to 97; at most 7 records in all)');
    expect(shown).toContain('is compared from the cut to its end');
    expect(text).not.toContain('somebody wrote');
  });

  test('counts history apart that the new primary does not have', () => {
    const orders = topic('orders', { partitions: [partition({ olderEnd: 15n })] });
    const older = { ...orders, cost: { ...orders.cost, olderBytes: 2n * mib } };
    const shown = { plan: { ...plan, topics: [older] }, history: 'all', windowOffsets: null } as const;
    const told = planLines(shown).join('\n');
    expect(told).toContain(
      '  older history of orders that eu-west does not have: 15 offsets, 2.0 MiB, to orders.lost-20261121T184000Z.older\n',
    );
    expect(told).toContain('that takes about 1.1 s at the pace above');
    expect(text).not.toContain('older history');
    expect(formatJson(planAsJson(shown))).toContain('olderEnd');
  });

  test('puts both choices side by side', () => {
    expect(text).toMatch(/--history all\s+--history from-divergence \(chosen\)/);
    expect(text).toMatch(/traffic from eu-west to us-east\s+8\.0 GiB\s+2\.1 GiB/);
    expect(text).toMatch(/disks of us-east in the end \(100\.0 GiB free\)\s+\+15\.0 GiB\s+-2\.8 GiB/);
    expect(text).toMatch(
      /orders\s+1 of 1\s+5\.0 MiB\s+2\.0 GiB\s+20\.0 MiB\s+holds what the new primary never got \(partition 0 from offset 80 to 100; at most 20 records in all\)/,
    );
    expect(text).toMatch(/wiped\s+-\s+0 B\s+2\.0 GiB\s+20\.0 MiB\s+is not there/);
  });

  test('warns where disks lack the room, and shows what is unknown as unknown', () => {
    const full = { ...plan, usableBytes: new Map([[1, 1n]]) };
    expect(planLines({ plan: full, history: 'all', windowOffsets: null }).join('\n')).toContain(
      'do not have the room',
    );
    const untold = { ...plan, usableBytes: new Map([[1, null]]) };
    expect(planLines({ plan: untold, history: 'all', windowOffsets: null }).join('\n')).toContain(
      'free: unknown',
    );
  });

  test('is short where nothing diverged', () => {
    const fine = { ...plan, onlyHere: [], topics: [topic('bills', { fate: 'continue', partitions: [] })] };
    expect(planLines({ plan: fine, history: 'all', windowOffsets: 1n })).toEqual([
      'us-east is restored from eu-west: 1 topic',
      '  1 topic continued in place: nothing of that is copied again',
      "committed positions at us-east are those that the link's group sync brings; a restore changes none itself",
    ]);
  });

  test('is the same as JSON', () => {
    const json = JSON.parse(formatJson(planAsJson({ plan, history: 'all', windowOffsets: null })));
    expect(json).toMatchObject({
      ...{ history: 'all', comparedOffsetsMax: null, deletes: ['orders', 'keys', 'aged'] },
      usableBytes: [{ brokerId: 1, usableBytes: 107374182400 }],
    });
    expect(json.cost.byChoice.all.trafficBytes).toBe(4 * 2 * 1024 ** 3);
  });
});
