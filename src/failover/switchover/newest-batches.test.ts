import { expect, test } from 'vitest';
import type { TailHeader } from '../../mirror/index.ts';
import { isSameNewest } from './newest-batches.ts';

const batch = (given: Partial<TailHeader> = {}): TailHeader => ({
  ...{ baseOffset: 90n, lastOffset: 99n, recordCount: 10, sizeBytes: 700, isControl: false },
  ...{ producerId: 1n, producerEpoch: 0, lastSequence: 9, partitionLeaderEpoch: 3, normalisedChecksum: 77 },
  ...given,
});

test('the same records at the same offsets, whoever wrote them', () => {
  expect(
    isSameNewest(batch(), batch({ producerId: 5n, lastSequence: 99, partitionLeaderEpoch: 0 }), 0n),
  ).toBe(true);
  expect(isSameNewest(batch(), batch({ baseOffset: 85n, lastOffset: 94n }), 5n)).toBe(true);
});

test.each([
  ['other bytes', batch({ normalisedChecksum: 78 }), 0n],
  ['another size', batch({ sizeBytes: 701 }), 0n],
  ['other offsets', batch({ baseOffset: 89n }), 0n],
  ['the same offsets where they should be lower', batch(), 5n],
  ['a batch that was cut', batch({ lastOffset: 95n, recordCount: 6 }), 0n],
  ['a marker', batch({ isControl: true }), 0n],
  ['nothing that was told', null, 0n],
])('%s: a closer look', (_what, mirror, shift) => {
  expect(isSameNewest(batch(), mirror, shift)).toBe(false);
});

test('an old batch format tells nothing', () => {
  const old = batch({ recordCount: 0, sizeBytes: 700, normalisedChecksum: 0 });
  expect(isSameNewest(old, old, 0n)).toBe(false);
});
