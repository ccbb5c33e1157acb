import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  closingEpoch,
  clusterTag,
  epochMax,
  fillerIdentityAt,
  generationAfter,
  identityOf,
  isClosed,
  isFillerProducerId,
  isIdOfLink,
  isLockstepProducerId,
  type KnownWrites,
  linkProducerId,
  type MirrorLife,
  markersOf,
  positionAfter,
  positionAt,
  positionBehindHole,
  type RunPosition,
  sequenceAfter,
  sourceTagOf,
  unrotated,
  writersOf,
} from './identity.ts';

const link = { sourceClusterId: 'MkU3OEVBNTcwNTJENDM2Qg', linkName: 'us-to-eu' };
const producerId = linkProducerId(link);

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

  it('is laid out as drawn: bit 62, the source’s tag, the link’s hash and its life, the rotation', () => {
    // Made by sha256sum and a calculator: sha256('MkU3OEVBNTcwNTJENDM2Qg') and sha256('...\nus-to-eu').
    expect(clusterTag('MkU3OEVBNTcwNTJENDM2Qg')).toBe(0x184dan);
    expect(producerId.toString(16)).toBe('584daf90e5600000');
    expect(linkProducerId({ ...link, incarnation: 3 }).toString(16)).toBe('584daf90e5900000');
  });

  it('names the cluster that its link reads from, at any rotation and in any life', () => {
    const tag = clusterTag(link.sourceClusterId);
    for (const id of [
      producerId,
      producerId + 7n,
      fillerIdentityAt(producerId, 0n).producerId,
      lifeOf(9).producerId,
    ])
      expect(sourceTagOf(id)).toBe(tag);
    expect(sourceTagOf(linkProducerId({ ...link, sourceClusterId: 'other' }))).toBe(clusterTag('other'));
    expect(clusterTag('other')).not.toBe(tag);
    expect(sourceTagOf(25_000_000n)).toBeNull();
    expect(sourceTagOf(-1n)).toBeNull();
  });

  it('is known again as the link’s own, and not as another one’s', () => {
    for (const id of [producerId, producerId + 7n, lifeOf(900).producerId])
      expect(isIdOfLink(id, link)).toBe(true);
    expect(isIdOfLink(lifeOf(2_000).producerId, link)).toBe(false);
    expect(isIdOfLink(producerId, { ...link, sourceClusterId: 'other' })).toBe(false);
    expect(isIdOfLink(producerId, { ...link, linkName: 'other' })).toBe(false);
    expect(isIdOfLink(7n, link)).toBe(false);
  });

  it('never meets one of the same link in another of its lives, the lives going round', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 24 - 1), fc.nat(2 ** 24 - 1), (one, other) => {
        const isSame = lifeOf(one).producerId === lifeOf(other).producerId;
        expect(isSame).toBe(one === other);
      }),
    );
    expect(lifeOf(2 ** 24).producerId).toBe(producerId);
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

const data = (epoch: number, lastSequence: number, id = producerId) => ({
  producerId: id,
  epoch,
  lastSequence,
  isControl: false,
});
const marker = (epoch: number, id = producerId) => ({
  producerId: id,
  epoch,
  lastSequence: -1,
  isControl: true,
});
const entry = (epoch: number, lastSequence: number, id = producerId) => ({
  producerId: id,
  epoch,
  lastSequence,
  coordinatorEpoch: -1,
});
const nothing: KnownWrites = { producerId, tail: null, newestData: null, entries: [] };

describe('the identity of the next data append', () => {
  const foreign = 7n;
  const former = linkProducerId({ sourceClusterId: 'MkU3OEVBNTcwNTJENDM2Qg', linkName: 'former' });
  const rows: [string, Partial<KnownWrites>, { producerId?: bigint; epoch: number; sequence: number }][] = [
    ['follows from the offset in a log that tells nothing', {}, { epoch: 0, sequence: 100 }],
    ['continues the newest batch', { tail: data(2, 17) }, { epoch: 2, sequence: 18 }],
    [
      'continues the leader’s entry where no batch can be read',
      { entries: [entry(4, 41)] },
      { epoch: 4, sequence: 42 },
    ],
    [
      'opens the next run behind a marker',
      { tail: marker(2), newestData: data(2, 17) },
      { epoch: 3, sequence: 0 },
    ],
    [
      'opens the next run behind a marker when all else has aged out',
      { tail: marker(1) },
      { epoch: 2, sequence: 0 },
    ],
    [
      'opens the next run behind the marker of an empty transaction',
      { tail: marker(0, foreign), newestData: data(4, 9) },
      { epoch: 6, sequence: 0 },
    ],
    [
      'takes the newest of our entries where only foreign markers can be read',
      { tail: marker(0, foreign), entries: [entry(2, 5), entry(6, 1), entry(9, 9, foreign)] },
      { epoch: 8, sequence: 0 },
    ],
    [
      'opens the next run where the leader’s entry was left by a marker',
      { entries: [entry(5, -1)] },
      { epoch: 6, sequence: 0 },
    ],
    ['does not continue another producer', { entries: [entry(5, 6, foreign)] }, { epoch: 0, sequence: 100 }],
    [
      'starts a first run behind fillers',
      { tail: data(0, 99, fillerIdentityAt(producerId, 0n).producerId) },
      { epoch: 0, sequence: 100 },
    ],
    [
      'does not take a filler’s entry for a run',
      { entries: [entry(0, 99, fillerIdentityAt(producerId, 0n).producerId)] },
      { epoch: 0, sequence: 100 },
    ],
    [
      'continues a mirror that the same link wrote under another name',
      { tail: data(2, 8, former), entries: [entry(4, 3)] },
      { producerId: former, epoch: 2, sequence: 9 },
    ],
    [
      'begins the next rotation when the epochs are used up',
      { tail: marker(0, foreign), newestData: data(epochMax, 17) },
      { producerId: producerId + 1n, epoch: 2, sequence: 0 },
    ],
    [
      'goes on in a later rotation',
      { tail: data(3, 5, producerId + 4n) },
      { producerId: producerId + 4n, epoch: 3, sequence: 6 },
    ],
  ];
  it.each(rows)('%s', (_name, known, expected) => {
    const position = positionAt(100n, { ...nothing, ...known });
    expect(identityOf(position)).toEqual({ producerId, ...expected });
  });

  it('is the same for every worker, however the log was cut into batches and requests, and wherever it starts again', () => {
    const piece = fc.record({ isHole: fc.boolean(), count: fc.integer({ min: 1, max: 500 }) });
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 40n }),
        fc.array(piece, { minLength: 1 }),
        (start, pieces) => {
          let position: RunPosition = positionAt(start, nothing);
          let offset = start;
          let newestData: KnownWrites['newestData'] = null;
          for (const { isHole, count } of pieces) {
            offset += BigInt(count);
            if (isHole) position = positionBehindHole(position);
            else {
              const identity = identityOf(position);
              position = positionAfter(identity, count);
              newestData = { ...identity, lastSequence: sequenceAfter(identity.sequence, count - 1) };
            }
            // What a worker that starts here finds in the log.
            const { producerId: id, epoch } = position;
            const tail = position.isBehindHole ? marker(epoch + 1, id) : { ...newestData!, isControl: false };
            const found = positionAt(offset, { producerId, tail, newestData, entries: [] });
            expect(identityOf(found)).toEqual(identityOf(position));
            expect([found.producerId, found.epoch]).toEqual([id, epoch]);
          }
        },
      ),
    );
  });
});

describe('the identity of markers', () => {
  it('is one epoch above the run, and the next rotation where the epochs are used up, with data behind it in epoch 2', () => {
    const last = { producerId, epoch: epochMax, sequence: 5, isBehindHole: false };
    expect(markersOf({ ...last, epoch: 4 })).toEqual({ producerId, epoch: 5 });
    expect(markersOf(last)).toEqual({ producerId: producerId + 1n, epoch: 1 });
    const behind = positionBehindHole(last);
    expect(markersOf(behind)).toEqual({ producerId: producerId + 1n, epoch: 1 });
    expect(identityOf(behind)).toEqual({ producerId: producerId + 1n, epoch: 2, sequence: 0 });
    const found = positionAt(9n, { ...nothing, tail: marker(1, producerId + 1n) });
    expect(identityOf(found)).toEqual(identityOf(behind));
  });
});

describe('fillers', () => {
  it('have a rotation of their own that no run reaches', () => {
    const filler = fillerIdentityAt(producerId, 2n ** 31n + 5n);
    expect(filler).toMatchObject({ epoch: 0, sequence: 5 });
    expect(isFillerProducerId(filler.producerId)).toBe(true);
    expect(isFillerProducerId(producerId)).toBe(false);
    expect(unrotated(filler.producerId)).toBe(producerId);
  });
});

describe('generationAfter', () => {
  const now = Date.UTC(2026, 10, 21);

  it('is above all that wrote markers before', () => {
    const ahead = { ...entry(1, 2), coordinatorEpoch: 2_000_000_000 };
    expect(generationAfter([entry(0, 0), ahead], { nowMs: now, random: 0 })).toBe(2_000_000_001);
  });

  it('grows with time where nothing is known any more, and fits into a coordinator epoch', () => {
    const at = (nowMs: number, random: number): number => generationAfter([], { nowMs, random });
    expect(at(now + 4_000, 0)).toBeGreaterThan(at(now, 0.99));
    expect(at(Date.UTC(2037, 0, 1), 0.99)).toBeLessThan(2 ** 31);
  });

  it('differs between workers that start at the same moment', () => {
    const generations = [0, 0.3, 0.6, 0.99].map((random) => generationAfter([], { nowMs: now, random }));
    expect(new Set(generations).size).toBe(4);
  });
});

describe('isClosed', () => {
  it('sees a closing marker in the log and in the leader’s entries, at any rotation', () => {
    const life = { producerId };
    expect(isClosed([], marker(closingEpoch), life)).toBe(true);
    expect(isClosed([entry(closingEpoch, -1, producerId + 3n)], marker(5), life)).toBe(true);
    expect(isClosed([entry(closingEpoch, -1, 7n)], null, life)).toBe(false);
    expect(isClosed([entry(epochMax, 3)], marker(epochMax), life)).toBe(false);
  });

  it('takes the closing of any link in the first life, and in later ones that of their own alone', () => {
    const [second, third] = [1, 2].map(lifeOf) as [MirrorLife, MirrorLife];
    const former = [entry(closingEpoch, -1), entry(closingEpoch, -1, producerId + 1n)];
    expect(isClosed(former, marker(closingEpoch), second)).toBe(false);
    const own = entry(closingEpoch, -1, second.producerId + 1n);
    expect(isClosed([...former, own], null, second)).toBe(true);
    expect(isClosed([...former, own], null, third)).toBe(false);
    // A late worker of the first life.
    expect(isClosed([own], null, lifeOf(0))).toBe(true);
  });
});

it('whoever closes a mirror closes every link that has written there, at its newest rotation', () => {
  const [own, former] = ['own', 'former'].map((linkName) =>
    linkProducerId({ sourceClusterId: 'c', linkName }),
  );
  const at = (epoch: number) => (id: bigint) => ({ producerId: id, epoch });
  const [open, closed] = [at(4), at(closingEpoch)];
  const remembered = [7n, former!, former! + 2n, fillerIdentityAt(former!, 0n).producerId].map(open);
  expect(writersOf({ producerId: own! }, remembered)).toEqual([own, former! + 2n]);
  expect(writersOf({ producerId: own! }, [open(own! + 1n)])).toEqual([own! + 1n]);
  // Closed before, in part or all: the same ids again, and no marker more.
  expect(writersOf({ producerId: own! }, [open(own!), closed(own! + 1n)])).toEqual([own! + 1n]);
  expect(writersOf({ producerId: own! }, [own! + 2n, own! + 1n].map(closed))).toEqual([own! + 1n]);
  // In a later life former ids are closed already, and two offsets would be wasted on each.
  expect(writersOf({ producerId: own!, incarnation: 2 }, [...remembered, open(own! + 1n)])).toEqual([
    own! + 1n,
  ]);
});

describe('a later life of a mirror', () => {
  const life = lifeOf(2);
  const firstRun = { producerId: life.producerId, epoch: 0, sequence: 57, isBehindHole: false };
  const at = (known: Partial<KnownWrites>): RunPosition =>
    positionAt(57n, { ...life, tail: null, newestData: null, entries: [], ...known });
  const write = (id: bigint, epoch: number, lastSequence: number) => ({
    ...{ producerId: id, epoch, lastSequence },
  });

  it('has an id of its own', () => {
    const ids = Array.from({ length: 100 }, (_, incarnation) => lifeOf(incarnation).producerId);
    expect(new Set(ids.map(unrotated)).size).toBe(100);
    expect(ids[0]).toBe(producerId);
  });

  it.each<[string, Partial<KnownWrites>]>([
    ['records of a producer', { tail: { ...write(7n, 3, 12), isControl: false } }],
    ['records of a former life', { tail: { ...write(producerId, 0, 56), isControl: false } }],
  ])('begins its first run behind %s', (_name, known) => {
    expect(at(known)).toEqual(firstRun);
  });

  it.each<[string, Partial<KnownWrites>]>([
    [
      'the closing marker of a former life',
      {
        tail: { ...write(producerId + 1n, closingEpoch, -1), isControl: true },
        newestData: write(producerId, 4, 3),
        entries: [entry(closingEpoch, -1), entry(closingEpoch, -1, producerId + 1n)],
      },
    ],
    [
      'a marker of a producer’s transaction',
      { tail: { ...write(7n, 3, -1), isControl: true }, newestData: write(7n, 3, 12) },
    ],
  ])('begins behind %s as behind a hole of its own', (_name, known) => {
    const begun = at(known);
    expect(begun).toEqual({ ...firstRun, sequence: 0, isBehindHole: true });
    // Who fills a hole there by empty transactions goes on as who finds it filled so.
    expect(positionBehindHole(firstRun)).toEqual(begun);
  });

  it('goes on with what it wrote itself', () => {
    const id = life.producerId;
    expect(at({ tail: { ...write(id, 0, 56), isControl: false } })).toEqual(firstRun);
    expect(at({ tail: { ...write(id, 3, -1), isControl: true }, newestData: write(7n, 0, 1) })).toEqual({
      ...{ producerId: id, epoch: 2, sequence: 0, isBehindHole: true },
    });
    // A hole by empty transactions, behind its own run.
    expect(at({ tail: { ...write(9n, 0, -1), isControl: true }, newestData: write(id, 4, 1) })).toEqual({
      ...{ producerId: id, epoch: 4, sequence: 0, isBehindHole: true },
    });
    expect(at({ entries: [entry(closingEpoch, -1), entry(2, 9, id)] })).toEqual({
      ...{ producerId: id, epoch: 2, sequence: 10, isBehindHole: false },
    });
  });
});

function lifeOf(incarnation: number): MirrorLife {
  const link = { sourceClusterId: 'MkU3OEVBNTcwNTJENDM2Qg', linkName: 'us-to-eu' };
  return { producerId: linkProducerId({ ...link, incarnation }), incarnation };
}
