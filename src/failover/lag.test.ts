import { describe, expect, test } from 'vitest';
import { lossWords } from './failover/look.ts';
import { FakeRegion } from './fake-group.ts';
import { lagOfMirror } from './lag.ts';
import { clockDifferenceMs, heardAgoMs, livingAgents } from './living.ts';

const nowMs = 10_000_000_000;
const mirror = {
  ...{
    v: 1,
    link: 'l',
    sourceTopic: 'orders',
    mirrorTopic: 'orders',
    partitionCount: 2,
    state: 'Mirroring' as const,
  },
  ...{ sourceTopicId: 's', mirrorTopicId: 'm', sinceMs: 0, reason: null },
};
const agent = (id: string, atMs: number, heardAtMs: Record<string, number> = {}) => ({
  ...{
    id,
    version: '1',
    host: 'h',
    pid: 1,
    api: null,
    startedAtMs: 0,
    atMs,
    isLeader: true,
    partitionCount: 1,
    heardAtMs,
  },
});
const status = (given: object) => ({
  ...{
    agent: 'a',
    atMs: nowMs,
    state: 'Mirroring',
    reason: null,
    sinceMs: 0,
    sourceEnd: '110',
    mirrorEnd: '100',
  },
  ...{ lagRecords: '10', behindMs: 500, lastFetchAtMs: nowMs, lastError: null, shift: '0' },
  sourceSeen: { end: '110', atMs: nowMs - 4_000, perSecond: 30 },
  ...given,
});
const region = (partitions: readonly object[], ...agents: ReturnType<typeof agent>[]) => {
  const fake = new FakeRegion();
  for (const each of agents) fake.put(`agent/${each.id}`, each);
  for (const [partition, given] of partitions.entries())
    fake.put(`status/l/orders/${partition}`, status(given));
  return fake;
};

describe('what a failover now would lose', () => {
  test('is what was seen at the source and is not in the mirror; nothing that a mirror ahead of it has', () => {
    const ahead = { mirrorEnd: '120' };
    const lag = lagOfMirror(region([{}, ahead], agent('a', nowMs, { l: nowMs - 4_000 })), mirror, nowMs);
    expect(lag).toMatchObject({
      loss: { recordsMin: 10n, perSecond: 60, unseenCount: 0 },
      sourceEnd: 230n,
      mirrorEnd: 220n,
      behindMs: 500,
    });
    expect(lossWords([lag])).toBe(
      'at least 10 records; the source was last heard 4.0 s ago at 60 records a second; what it took later is unknown',
    );
  });

  test('counts offsets of a shifted mirror as the mirror does', () => {
    const lag = lagOfMirror(region([{ shift: '7' }, {}], agent('a', nowMs)), mirror, nowMs);
    expect(lag.loss.recordsMin).toBe(3n + 10n);
  });

  test('is unknown, and not zero, where the source was never seen', () => {
    const lag = lagOfMirror(
      region([{}, { sourceSeen: null, sourceEnd: null }], agent('a', nowMs)),
      mirror,
      nowMs,
    );
    expect(lag).toMatchObject({ loss: { unseenCount: 1, heardAgoMs: null } });
    expect(lossWords([lag])).toMatch(/at least 10 records; of 1 of 2 partitions nothing is known/);
    expect(lossWords([lagOfMirror(region([]), mirror, nowMs)])).toBe(
      'nobody knows how much: nothing is known of 2 partitions; when the source was last heard is not known; what it took later is unknown',
    );
  });

  test('an idle partition was heard when its agent heard the source; one whose broker is silent was not', () => {
    const old = { sourceSeen: { end: '110', atMs: nowMs - 90_000 } };
    const heard = agent('a', nowMs, { l: nowMs - 1_000 });
    expect(lagOfMirror(region([old, old], heard), mirror, nowMs).loss.heardAgoMs).toBe(1_000);
    expect(
      lagOfMirror(region([old, { ...old, sourceEnd: null }], heard), mirror, nowMs).loss.heardAgoMs,
    ).toBe(90_000);
  });
});

describe('agents whose clock is an hour away', () => {
  const hourMs = 3_600_000;

  test.each([
    ['ahead', hourMs],
    ['behind', -hourMs],
  ])('%s: they live, and times are counted by their clock', (_which, offMs) => {
    const fake = region(
      [],
      agent('a', nowMs + offMs, { l: nowMs + offMs - 3_000 }),
      agent('b', nowMs + offMs - 60_000),
    );
    expect(livingAgents(fake).map(({ id }) => id)).toEqual(['a']);
    expect(heardAgoMs(fake, 'l', nowMs)).toBe(3_000);
    expect(clockDifferenceMs(fake, nowMs)).toBe(offMs > 0 ? hourMs : null);
  });
});
