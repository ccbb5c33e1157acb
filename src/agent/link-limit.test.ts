import { expect, test } from 'vitest';
import { LinkLimit } from './link-limit.ts';

test('an agent may read as much of the limit as it has of the partitions, in whatever order both become known', () => {
  const limit = new LinkLimit();
  expect(limit.reading.isSet).toBe(false);
  limit.setOwned({ owned: 1, all: 4 });
  expect(limit.reading.isSet).toBe(false);
  limit.setMax(4_000_000);
  expect(limit.reading.status().allowance).toEqual({ bytesPerSecondMax: 4_000_000, share: 1 / 4 });
  limit.setOwned({ owned: 2, all: 4 });
  expect(limit.reading.status().allowance).toEqual({ bytesPerSecondMax: 4_000_000, share: 1 / 2 });
  limit.setMax(undefined);
  expect(limit.reading.isSet).toBe(false);
});

test('one that has no partition yet may read those that come next', () => {
  const limit = new LinkLimit();
  limit.setMax(1_000_000);
  limit.setOwned({ owned: 0, all: 0 });
  expect(limit.reading.status().allowance).toEqual({ bytesPerSecondMax: 1_000_000, share: 1 });
  limit.setOwned({ owned: 0, all: 10 });
  expect(limit.reading.status().allowance).toEqual({ bytesPerSecondMax: 1_000_000, share: 1 / 10 });
});
