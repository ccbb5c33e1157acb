// What is enough for a partition's queue: two megabytes, and a share of the link's memory where markers are ahead.
import { describe, expect, it } from 'vitest';
import { defaultTuning } from './link-mirror-options.ts';
import { type Queued, QueueShares } from './queue-shares.ts';

const kib = 1024;
const mib = 1024 * kib;

/** Shares of so many partitions that catch up. */
function shares(behindCount: number, inFlightBytesMax = defaultTuning.inFlightBytesMax): QueueShares {
  const made = new QueueShares({ ...defaultTuning, budget: { bytesMax: inFlightBytesMax } });
  for (let index = 0; index < behindCount; index++) made.note({ index }, true);
  return made;
}

/** A batch, a marker, a batch, a marker ... */
function marked(queuedBytes: number, markerCount: number): Queued {
  const pair = [{ kind: 'data' }, { kind: 'hole' }] as const;
  return { queuedBytes, queue: Array.from({ length: markerCount }, () => pair).flat() };
}

function plain(queuedBytes: number): Queued {
  return { queuedBytes, queue: Array.from({ length: 16 }, () => ({ kind: 'data' as const })) };
}

describe('how much is enough', () => {
  const cases: [string, QueueShares, Queued, boolean][] = [
    ['2 MiB for anybody', shares(0), plain(2 * mib), false],
    ['more than that for nobody', shares(0), plain(2 * mib + 1), true],
    ['a queue without markers has 2 MiB among eight, too', shares(8), plain(2 * mib), false],
    ['among eight 0.5 MiB with markers', shares(8), marked(500 * kib, 5), false],
    ['more with markers is not for one of eight', shares(8), marked(600 * kib, 6), true],
    ['of four each has 2 MiB', shares(4), marked(2 * mib, 20), false],
    ['more memory, larger shares', shares(8, 64 * mib), marked(2 * mib, 20), false],
    ['less memory than one answer: markers ahead are enough', shares(1, 2 * mib), marked(1, 4), true],
    ['few markers ahead are not, however many share', shares(1000), marked(300 * kib, 3), false],
    ['four markers are, where a thousand share', shares(1000), marked(1, 4), true],
  ];
  it.each(cases)('%s', (_name, of, queued, isEnough) => {
    expect(of.isEnough(queued)).toBe(isEnough);
  });

  it('a partition counts once, and no more when it is at the end or leaves', () => {
    const of = shares(4);
    const one = {};
    of.note(one, true);
    of.note(one, true);
    // Of five each has 12 MiB / 5 - 1 MiB = 1.4 MiB and a little.
    expect(of.isEnough(marked(1.4 * mib, 14))).toBe(false);
    expect(of.isEnough(marked(1.5 * mib, 15))).toBe(true);
    of.note(one, false);
    expect(of.isEnough(marked(1.5 * mib, 15))).toBe(false);
  });
});
