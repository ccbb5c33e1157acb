import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packKeys, unpackKeys } from './key-list.ts';
import type { MemberView } from './protocol.ts';
import { protocolV1 } from './protocol-v1.ts';

const member: MemberView = {
  agentId: 'agent-1',
  generation: 7,
  owned: ['us-to-eu/__proto__/0', 'us-to-eu/orders/0', 'us-to-eu/orders/1', 'us-to-eu/payments.eu/3'],
  releasing: ['ap/to/eu/orders/0'],
  isLeaving: false,
  load: new Map([
    ['us-to-eu/orders/1', 120_000],
    ['ap/to/eu/orders/0', 0],
  ]),
};
const packed = (value: unknown): Buffer =>
  deflateRawSync(typeof value === 'string' ? value : JSON.stringify(value));

describe('what a member says', () => {
  test('comes back as it was', () => {
    expect(protocolV1.decodeMember(protocolV1.encodeMember(member))).toEqual(member);
  });

  test('any list of items comes back', () => {
    const key = fc
      .tuple(fc.stringMatching(/^[a-z0-9-]{1,5}$/), fc.stringMatching(/^[a-zA-Z0-9._-]{1,8}$/), fc.nat(50))
      .map((parts) => parts.join('/'));
    fc.assert(
      fc.property(fc.uniqueArray(key), (keys) => {
        expect([...protocolV1.decodeAssignment(protocolV1.encodeAssignment(keys))].sort()).toEqual(
          keys.sort(),
        );
      }),
    );
  });

  test('load that is not known is absent, and known load keeps two digits', () => {
    const load = new Map([['us-to-eu/orders/0', 123_456]]);
    const decoded = protocolV1.decodeMember(protocolV1.encodeMember({ ...member, load }));
    expect(decoded.load).toEqual(new Map([['us-to-eu/orders/0', 120_000]]));
  });

  test('fields of a newer version are ignored', () => {
    const newer = {
      agent: 'agent-2',
      generation: 3,
      owned: [['l', [['t', '0-2,5']]]],
      releasing: [],
      isLeaving: false,
      load: [1, 2, 3, 4, 5],
      rack: 'eu-west-1a',
      more: { deep: [1] },
    };
    expect(protocolV1.decodeMember(packed(newer))).toMatchObject({
      agentId: 'agent-2',
      owned: ['l/t/0', 'l/t/1', 'l/t/2', 'l/t/5'],
    });
    expect(protocolV1.decodeAssignment(packed({ keys: [['l', [['t', '4']]]], reason: 'x' }))).toEqual([
      'l/t/4',
    ]);
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['bytes that are not deflated', Buffer.from('hello')],
    ['text that is no JSON', packed('{')],
    ['another shape', packed({ owned: {}, keys: {} })],
    ['a range that is none', packed({ keys: [['l', [['t', '1-x']]]] })],
    ['a range of billions', packed({ keys: [['l', [['t', '0-9999999999']]]] })],
    ['something that unpacks to far more than it is', packed(' '.repeat(17 * 1024 * 1024))],
  ])('%s is an error, not a crash or a hang', (_, bytes) => {
    expect(() => protocolV1.decodeMember(bytes)).toThrow();
    expect(() => protocolV1.decodeAssignment(bytes)).toThrow();
  });

  test('10,000 partitions of three members stay far below the 1 MB of a record', () => {
    // Scattered over the members, with lengthy names and a measured load for each: the worst that is likely.
    const keys = Array.from(
      { length: 10_000 },
      (_, index) =>
        `us-east-to-eu-west/company.domain-${index % 800}.event-name.v2/${Math.floor(index / 800)}`,
    );
    let seed = 1;
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const owned: string[][] = [[], [], []];
    for (const key of keys) owned[Math.floor(random() * 3)]!.push(key);
    const load = new Map(keys.map((key) => [key, random() * 10_000_000]));
    // The group's record has what each member said and what it was given.
    const sizes = owned.map(
      (mine) =>
        protocolV1.encodeMember({ ...member, owned: mine, releasing: [], load }).length +
        protocolV1.encodeAssignment(mine).length,
    );
    const totalBytes = sizes.reduce((sum, size) => sum + size, 0);
    console.log(`10,000 partitions of 3 members take ${totalBytes} bytes`);
    expect(totalBytes).toBeLessThan(150_000);
  });
});

test('a list of items is ranges by topic', () => {
  const keys = ['l/t/10', 'l/t/9', 'l/t/1', 'l/u/0', 'l/t/8'];
  const { list, ordered } = packKeys(keys);
  expect(list).toEqual([
    [
      'l',
      [
        ['t', '1,8-10'],
        ['u', '0'],
      ],
    ],
  ]);
  expect(unpackKeys(list)).toEqual(ordered);
});
