// What holds of every sharing out, whatever the fleet looks like:
//   1. in the end every item has exactly one member, and no round gives an item to two, nor to one while another has it
//   2. what a living member has moves only when the load is uneven beyond the tolerance, and then a few in a round
//   3. new items move nothing else; a dead member's items are spread, and nothing else moves
//   4. the answer does not depend on the order of members and keys
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assign, type Claim, movesMaxOf, type Shares } from './assign.ts';

/** A fleet whose members do at once what a round tells them. */
class ModelFleet {
  readonly owned = new Map<string, Set<string>>();
  generation = 0;
  isSettling = false;
  keys: string[];
  load: Map<string, number>;
  last: Shares | null = null;

  constructor(keys: string[], load: Map<string, number>, members: string[]) {
    this.keys = keys;
    this.load = load;
    for (const member of members) this.owned.set(member, new Set());
  }

  claims(): Claim[] {
    return [...this.owned].map(([memberId, owned]) => ({
      memberId,
      generation: this.generation,
      owned: [...owned],
      releasing: [],
      isLeaving: false,
    }));
  }

  /** One round; returns how many items changed hands or were taken away. */
  round(): { taken: number; given: number } {
    const holders = new Map(
      [...this.owned].flatMap(([member, owned]) => [...owned].map((key) => [key, member])),
    );
    const shares = assign({
      keys: this.keys,
      members: this.claims(),
      load: this.load,
      isSettling: this.isSettling,
    });
    this.last = shares;
    let given = 0;
    let taken = 0;
    const seen = new Set<string>();
    for (const [member, keys] of shares.keys) {
      const before = this.owned.get(member)!;
      for (const key of keys) {
        expect(seen.has(key), `${key} is given twice`).toBe(false);
        seen.add(key);
        const holder = holders.get(key);
        expect(holder === undefined || holder === member, `${key} is given while ${holder} has it`).toBe(
          true,
        );
        if (!before.has(key)) given += 1;
      }
      taken += [...before].filter((key) => !keys.includes(key)).length;
    }
    for (const [member, keys] of shares.keys) this.owned.set(member, new Set(keys));
    this.generation += 1;
    this.isSettling = shares.isSettling;
    return { taken, given };
  }

  /** Rounds until nothing happens any more. */
  settle(roundsMax = 200): number {
    for (let rounds = 1; rounds <= roundsMax; rounds += 1) {
      const { taken, given } = this.round();
      if (taken === 0 && given === 0) return rounds;
    }
    throw new Error(`not settled after ${roundsMax} rounds`);
  }

  sizes(): number[] {
    return [...this.owned.values()].map(({ size }) => size);
  }

  /** The fleet's state as a string, to see that nothing moved. */
  holders(): Map<string, string> {
    return new Map([...this.owned].flatMap(([member, owned]) => [...owned].map((key) => [key, member])));
  }
}

const keysOf = (count: number, link = 'l') =>
  Array.from({ length: count }, (_, index) => `${link}/t${Math.floor(index / 10)}/${index % 10}`);

const membersArb = fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{1,6}$/), { minLength: 1, maxLength: 6 });
/** Loads like those of real topics: most small, some large, some unknown. */
const loadArb = (keys: string[]) =>
  fc
    .array(
      fc.oneof(
        fc.constant(undefined),
        fc.integer({ min: 0, max: 1_000 }),
        fc.integer({ min: 0, max: 100_000_000 }),
      ),
      { minLength: keys.length, maxLength: keys.length },
    )
    .map(
      (costs) =>
        new Map(keys.flatMap((key, index) => (costs[index] === undefined ? [] : [[key, costs[index]]]))),
    );
const fleetArb = fc.tuple(fc.integer({ min: 0, max: 80 }), membersArb).chain(([count, members]) => {
  const keys = keysOf(count);
  return loadArb(keys).map((load) => new ModelFleet(keys, load, members));
});

describe('sharing out', () => {
  test('in the end every item has exactly one member', () => {
    fc.assert(
      fc.property(fleetArb, (fleet) => {
        fleet.settle();
        expect([...fleet.holders().keys()].sort()).toEqual([...fleet.keys].sort());
      }),
      { numRuns: 500 },
    );
  });

  test('a fleet that has settled stays as it is', () => {
    fc.assert(
      fc.property(fleetArb, (fleet) => {
        fleet.settle();
        const before = fleet.holders();
        expect(fleet.round()).toEqual({ taken: 0, given: 0 });
        expect(fleet.holders()).toEqual(before);
      }),
    );
  });

  test('new items move nothing else', () => {
    fc.assert(
      fc.property(fleetArb, fc.integer({ min: 1, max: 60 }), (fleet, count) => {
        fleet.settle();
        const before = fleet.holders();
        fleet.keys = [...fleet.keys, ...keysOf(count, 'new')];
        expect(fleet.round().taken).toBe(0);
        for (const [key, member] of before) expect(fleet.holders().get(key)).toBe(member);
        expect(fleet.holders().size).toBe(fleet.keys.length);
      }),
      { numRuns: 500 },
    );
  });

  test("a dead member's items go to the others at once, and nothing of theirs moves in that round", () => {
    fc.assert(
      fc.property(fleetArb, (fleet) => {
        fc.pre(fleet.owned.size > 1);
        fleet.settle();
        const [dead] = fleet.owned.keys();
        fleet.owned.delete(dead!);
        const before = fleet.holders();
        expect(fleet.round().taken).toBe(0);
        for (const [key, member] of before) expect(fleet.holders().get(key)).toBe(member);
        expect(fleet.holders().size).toBe(fleet.keys.length);
      }),
    );
  });

  test("a dead member's equal items are spread evenly", () => {
    const fleet = new ModelFleet(keysOf(60), new Map(), ['a', 'b', 'c']);
    fleet.settle();
    fleet.owned.delete('b');
    expect(fleet.round().taken).toBe(0);
    expect(fleet.sizes()).toEqual([30, 30]);
  });

  test('a newcomer gets its part a few items at a time', () => {
    fc.assert(
      fc.property(fleetArb, (fleet) => {
        fleet.settle();
        fleet.owned.set('newcomer', new Set());
        for (let rounds = 0; rounds < 200; rounds += 1) {
          const { taken, given } = fleet.round();
          expect(taken).toBeLessThanOrEqual(movesMaxOf(fleet.keys.length));
          if (taken === 0 && given === 0) return;
        }
        throw new Error('never settled');
      }),
    );
  });

  test('of equal items everybody has as many, to within the tolerance', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1, max: 6 }), (count, members) => {
        const fleet = new ModelFleet(keysOf(count), new Map(), ['m0']);
        fleet.settle();
        for (let index = 1; index < members; index += 1) fleet.owned.set(`m${index}`, new Set());
        fleet.settle();
        const sizes = fleet.sizes();
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(
          Math.max(1, 0.2 * (count / members)),
        );
      }),
    );
  });

  test('load is evened out: nobody carries more than the average, the tolerance and one item', () => {
    fc.assert(
      fc.property(fleetArb, (fleet) => {
        fleet.owned.clear();
        fleet.owned.set('a', new Set(fleet.keys)).set('b', new Set()).set('c', new Set());
        fleet.settle();
        const known = [...fleet.load.values()];
        const mean = known.length === 0 ? 0 : known.reduce((a, b) => a + b, 0) / known.length;
        const weight = (key: string) => 10_000 + (fleet.load.get(key) ?? mean);
        const weights = [...fleet.owned.values()].map((keys) =>
          [...keys].reduce((sum, key) => sum + weight(key), 0),
        );
        const average = weights.reduce((a, b) => a + b, 0) / 3;
        const largest = Math.max(0, ...fleet.keys.map(weight));
        expect(Math.max(...weights)).toBeLessThanOrEqual(average * 1.2 + largest + 1);
      }),
      { numRuns: 500 },
    );
  });

  test('one hot partition pushes the quiet ones to the others', () => {
    const keys = keysOf(60);
    const load = new Map(keys.map((key, index) => [key, index === 0 ? 100_000_000 : 1_000_000]));
    const fleet = new ModelFleet(keys, load, ['a', 'b', 'c']);
    fleet.owned.set('a', new Set(keys.slice(0, 20)));
    fleet.owned.set('b', new Set(keys.slice(20, 40)));
    fleet.owned.set('c', new Set(keys.slice(40)));
    fleet.settle();
    expect(fleet.owned.get('a')).toEqual(new Set([keys[0]]));
    expect(
      fleet
        .sizes()
        .slice(1)
        .every((size) => size >= 27),
    ).toBe(true);
  });

  test('load that is uneven within the tolerance moves nothing', () => {
    const keys = keysOf(60);
    const load = new Map(keys.map((key, index) => [key, index < 20 ? 1_150_000 : 1_000_000]));
    const fleet = new ModelFleet(keys, load, ['a', 'b', 'c']);
    fleet.owned.set('a', new Set(keys.slice(0, 20)));
    fleet.owned.set('b', new Set(keys.slice(20, 40)));
    fleet.owned.set('c', new Set(keys.slice(40)));
    expect(fleet.round()).toEqual({ taken: 0, given: 0 });
  });

  test('the order of members and keys does not matter', () => {
    fc.assert(
      fc.property(fleetArb, fc.infiniteStream(fc.nat()), (fleet, numbers) => {
        fleet.round();
        // Some items are free, and somebody has too few.
        fleet.owned.set([...fleet.owned.keys()][0]!, new Set()).set('newcomer', new Set());
        const shuffle = <T>(list: readonly T[]): T[] =>
          list
            .map((item) => ({ item, at: numbers.next().value as number }))
            .sort((a, b) => a.at - b.at)
            .map(({ item }) => item);
        const options = { load: fleet.load, isSettling: false };
        const one = assign({ ...options, keys: fleet.keys, members: fleet.claims() });
        const other = assign({
          ...options,
          keys: shuffle(fleet.keys),
          members: shuffle(fleet.claims()).map((claim) => ({ ...claim, owned: shuffle(claim.owned) })),
        });
        expect(new Map([...other.keys].sort())).toEqual(new Map([...one.keys].sort()));
      }),
    );
  });
});

describe('claims', () => {
  const claim = (memberId: string, rest: Partial<Claim>): Claim => ({
    memberId,
    generation: 5,
    owned: [],
    releasing: [],
    isLeaving: false,
    ...rest,
  });
  const share = (members: Claim[], keys = ['l/t/0']) =>
    Object.fromEntries(assign({ keys, members, load: new Map(), isSettling: false }).keys);

  test('an item that is being stopped is given to nobody', () => {
    expect(share([claim('a', { releasing: ['l/t/0'] }), claim('b', {})])).toEqual({ a: [], b: [] });
  });

  test('of two claims the one of the later sharing out holds', () => {
    const members = [claim('a', { owned: ['l/t/0'], generation: 4 }), claim('b', { owned: ['l/t/0'] })];
    expect(share(members)).toEqual({ a: [], b: ['l/t/0'] });
    expect(share(members.toReversed())).toEqual({ a: [], b: ['l/t/0'] });
  });

  test('one that lost its membership and still stops an item does not take it from the one that has it now', () => {
    const members = [claim('a', { owned: ['l/t/0'] }), claim('b', { releasing: ['l/t/0'], generation: -1 })];
    expect(share(members)).toEqual({ a: ['l/t/0'], b: [] });
  });

  test('two claims of one sharing out: both let go first', () => {
    const members = [claim('a', { owned: ['l/t/0'] }), claim('b', { owned: ['l/t/0'] }), claim('c', {})];
    expect(share(members)).toEqual({ a: [], b: [], c: [] });
  });

  test('a member that leaves gets nothing, and what is not there any more is nobody’s', () => {
    const members = [
      claim('a', { isLeaving: true, releasing: ['l/t/0'] }),
      claim('b', { owned: ['l/gone/0'] }),
    ];
    expect(share(members, ['l/t/0', 'l/t/1'])).toEqual({ a: [], b: ['l/t/1'] });
  });

  test('when everybody leaves nobody gets anything', () => {
    expect(share([claim('a', { isLeaving: true })])).toEqual({ a: [] });
  });
});
