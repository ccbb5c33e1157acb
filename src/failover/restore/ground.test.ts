import { describe, expect, test } from 'vitest';
import type { MirrorRecord, PromotedPartition, Promotion } from '../../control/index.ts';
import { knownCut } from './ground.ts';

const promotedAt = (...cuts: string[]): Promotion => ({
  ...{ commandId: 'c', kind: 'now', requestedAtMs: 0, deadlineMs: 0 },
  // In any order.
  partitions: cuts.map((cutOffset, partition) => ({ partition, cutOffset }) as PromotedPartition).reverse(),
});

function mirror(link: string, fields: Partial<MirrorRecord> = {}): MirrorRecord {
  return {
    ...{ v: 1, link, sourceTopic: 'orders', mirrorTopic: 'orders', partitionCount: 2 },
    ...{ sourceTopicId: 'at-us', mirrorTopicId: 'at-eu', state: 'Promoted', sinceMs: 0, reason: null },
    ...fields,
  };
}

const links = {
  forth: { source: 'us', destination: 'eu' },
  back: { source: 'eu', destination: 'us' },
  south: { source: 'ap', destination: 'eu' },
  stranger: { source: 'us', destination: 'eu' },
};

function cutAt(mirrors: readonly MirrorRecord[], lost = 'us', ids = { lost: 'at-us', home: 'at-eu' }) {
  const state = { mirrors: new Map(mirrors.map((each) => [`${each.link}/orders`, each])) };
  const group = { topology: { links }, config: { links: ['forth', 'back', 'south'] } };
  return knownCut({ group, home: { name: 'eu', state }, lost: { name: lost } }, 'orders', ids);
}

describe('where a topic was cut', () => {
  test('stands in the record of the promotion', () => {
    expect(cutAt([mirror('forth', { promotion: promotedAt('20', '30') })])).toEqual({
      ...{ cuts: [20n, 30n], isSameTopic: true },
    });
  });

  test('is another topic on either side when an id has changed', () => {
    const mirrors = [mirror('forth', { promotion: promotedAt('20', '30') })];
    expect(cutAt(mirrors, 'us', { lost: 'another', home: 'at-eu' }).isSameTopic).toBe(false);
    expect(cutAt(mirrors, 'us', { lost: 'at-us', home: 'another' }).isSameTopic).toBe(false);
  });

  test('of a third region is that of the new primary, too: both mirrored the same log', () => {
    const mirrors = [mirror('forth', { promotion: promotedAt('20', '30') })];
    expect(cutAt(mirrors, 'ap', { lost: 'at-ap', home: 'at-eu' })).toEqual({
      ...{ cuts: [20n, 30n], isSameTopic: true },
    });
  });

  test('is unknown without a promotion, and for links of another group', () => {
    expect(cutAt([])).toEqual({ cuts: null, isSameTopic: true });
    expect(cutAt([mirror('forth')]).cuts).toBeNull();
    expect(cutAt([mirror('stranger', { promotion: promotedAt('1') })]).cuts).toBeNull();
  });
});
