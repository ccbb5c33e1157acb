import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  identityAfter,
  identityAt,
  isLockstepProducerId,
  linkProducerId,
  sequenceAfter,
} from './identity.ts';

const producerId = linkProducerId({ sourceClusterId: 'MkU3OEVBNTcwNTJENDM2Qg', linkName: 'us-to-eu' });

describe('linkProducerId', () => {
  it('is the same for every worker of a link, and another for another link or source', () => {
    expect(linkProducerId({ sourceClusterId: 'MkU3OEVBNTcwNTJENDM2Qg', linkName: 'us-to-eu' })).toBe(
      producerId,
    );
    expect(linkProducerId({ sourceClusterId: 'MkU3OEVBNTcwNTJENDM2Qg', linkName: 'us-to-ap' })).not.toBe(
      producerId,
    );
    expect(linkProducerId({ sourceClusterId: 'other', linkName: 'us-to-eu' })).not.toBe(producerId);
  });

  it('is a positive 64-bit number far above the ids that brokers hand out', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (sourceClusterId, linkName) => {
        const id = linkProducerId({ sourceClusterId, linkName });
        expect(id).toBeGreaterThanOrEqual(1n << 62n);
        expect(id).toBeLessThan(1n << 63n);
        expect(isLockstepProducerId(id)).toBe(true);
      }),
    );
    expect(isLockstepProducerId(25_000_000n)).toBe(false);
    expect(isLockstepProducerId(-1n)).toBe(false);
  });
});

describe('sequenceAfter', () => {
  it.each([
    [0, 1, 1],
    [-1, 1, 0],
    [2147483646, 1, 2147483647],
    [2147483647, 1, 0],
    [2147483647, 3, 2],
    [2147483640, 10, 2],
  ])('%i and %i records more make %i', (sequence, count, expected) => {
    expect(sequenceAfter(sequence, count)).toBe(expected);
  });
});

describe('identityAt', () => {
  const entry = { producerId, epoch: 3, lastSequence: 41 };
  const tail = { producerId, epoch: 2, lastSequence: 17 };

  it('continues the leader’s entry, which the guard compares with', () => {
    expect(identityAt(100n, { producerId, tail, entries: [entry] })).toEqual({
      producerId,
      epoch: 3,
      sequence: 42,
    });
  });

  it('continues the newest batch when the entry has aged out', () => {
    expect(identityAt(100n, { producerId, tail, entries: [] })).toEqual({
      producerId,
      epoch: 2,
      sequence: 18,
    });
  });

  it('follows from the offset when neither tells', () => {
    expect(identityAt(100n, { producerId, tail: null, entries: [] })).toEqual({
      producerId,
      epoch: 0,
      sequence: 100,
    });
    expect(identityAt(2n ** 31n + 5n, { producerId, tail: null, entries: [] }).sequence).toBe(5);
  });

  it('does not continue another producer', () => {
    const other = { ...tail, producerId: 7n };
    expect(identityAt(9n, { producerId, tail: other, entries: [other] })).toEqual({
      producerId,
      epoch: 0,
      sequence: 9,
    });
  });

  it('continues a mirror that the same link wrote under another name', () => {
    const former = linkProducerId({ sourceClusterId: 'MkU3OEVBNTcwNTJENDM2Qg', linkName: 'former' });
    const own = { producerId, epoch: 0, lastSequence: 3 };
    const theirs = { producerId: former, epoch: 0, lastSequence: 8 };
    expect(identityAt(9n, { producerId, tail: theirs, entries: [own] })).toEqual({
      producerId: former,
      epoch: 0,
      sequence: 9,
    });
  });

  it('starts at 0 after a marker of a higher epoch', () => {
    expect(
      identityAt(9n, { producerId, tail: null, entries: [{ producerId, epoch: 5, lastSequence: -1 }] }),
    ).toEqual({
      producerId,
      epoch: 5,
      sequence: 0,
    });
  });

  it('gives every worker the same identity for the same place, however the log was cut into batches', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 40n }),
        fc.array(fc.integer({ min: 1, max: 500 })),
        (start, counts) => {
          let identity = identityAt(start, { producerId, tail: null, entries: [] });
          let offset = start;
          for (const count of counts) {
            identity = identityAfter(identity, count);
            offset += BigInt(count);
          }
          expect(identity).toEqual(identityAt(offset, { producerId, tail: null, entries: [] }));
        },
      ),
    );
  });
});
