// Which partitions a mirror runs, without any cluster that answers.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { defaultExactness } from './exactness.ts';
import { LinkMirror } from './link-mirror.ts';
import { defaultTuning, type LinkMirrorOptions, type MirrorCluster } from './link-mirror-options.ts';

const away: MirrorCluster = {
  leaderOf: () => null,
  refreshMetadata: async () => {},
  ask: () => () => new Promise(() => {}),
  openConnection: () => new Promise(() => {}),
};
const options: LinkMirrorOptions = {
  source: away,
  destination: away,
  producerIdOf: () => 1n << 62n,
  tuning: defaultTuning,
  random: () => 0.5,
  nowMs: Date.now,
};
const partition = { topic: 'orders', partition: 0 };
let mirror: LinkMirror;
beforeEach(() => {
  mirror = new LinkMirror(options);
});
afterEach(() => mirror.stop(100));

it('forgets a partition that was removed, and knows nothing of one that it never had', async () => {
  mirror.add(partition);
  await mirror.remove(partition);
  expect(mirror.has(partition)).toBe(false);
  expect(mirror.status()).toEqual([]);
  await mirror.remove({ ...partition, partition: 1 });
});

it('tells of one that has something going on with every look', () => {
  mirror.add(partition);
  expect(mirror.status('stirred')).toMatchObject([partition]);
  expect(mirror.status('stirred')).toMatchObject([partition]);
});

it('begins one anew that was given back while it was being removed, as it was given last', async () => {
  mirror.add(partition, { shift: 1n });
  const removed = mirror.remove(partition);
  mirror.add(partition, { shift: 5n });
  await removed;
  expect(mirror.status()).toMatchObject([{ ...partition, shift: 5n, isStopped: false }]);
});

it('does not, where it was taken away once more', async () => {
  mirror.add(partition);
  const first = mirror.remove(partition);
  mirror.add(partition);
  await Promise.all([first, mirror.remove(partition)]);
  expect(mirror.has(partition)).toBe(false);
});

it('does not fall back on markers where empty transactions are asked for and nobody can make them', () => {
  const exactness = { ...defaultExactness, holes: 'transactions' } as const;
  expect(() => new LinkMirror({ ...options, exactness })).toThrow('no coordinator to ask for them');
});

it('asks for metadata of those topics that need it, all of them at once', async () => {
  const asked: string[][] = [];
  const destination: MirrorCluster = {
    ...away,
    // Nobody leads `orders` and `bills`; `others` is led, and its broker does not answer.
    leaderOf: ({ topic, partition }) =>
      topic === 'others' ? { topic, topicId: 'id', partition, leader: 1, leaderEpoch: 0 } : null,
    refreshMetadata: async (topics) => {
      asked.push([...topics].sort());
    },
  };
  const led = new LinkMirror({ ...options, destination });
  for (const topic of ['others', 'orders', 'bills', 'orders']) led.add({ topic, partition: 0 });
  await vi.waitFor(() => expect(new Set(asked.flat())).toEqual(new Set(['orders', 'bills'])), {
    interval: 1,
  });
  await led.stop(100);
});
