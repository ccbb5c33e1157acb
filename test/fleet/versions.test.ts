// A fleet that is rolled to the next version of the group protocol and back, on a real broker.
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import type { FleetProtocol, MemberView } from '../../src/fleet/index.ts';
import { protocolV1 } from '../../src/fleet/protocol-v1.ts';
import { apis } from '../../src/protocol/index.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { makeMember, ownersOf, sharedOut, type TestMember, workOf } from './members.ts';

const regions = useRegions({ 'eu-west': {} });
const work = workOf(60);

/** Another encoding altogether; counts what is shared out with it. */
function protocolV2(counts: { shared: number }): FleetProtocol {
  const pack = (value: unknown) => Buffer.from(`two ${JSON.stringify(value)}`);
  const unpack = (bytes: Buffer) => JSON.parse(bytes.toString().slice(4));
  return {
    name: 'v2',
    encodeMember: (view) => pack({ ...view, load: [...view.load] }),
    decodeMember(bytes): MemberView {
      const view = unpack(bytes);
      return { ...view, load: new Map(view.load) };
    },
    encodeAssignment(keys) {
      counts.shared += 1;
      return pack(keys);
    },
    decodeAssignment: unpack,
  };
}

/** Version 1 as a later release may speak it: with a field more. */
const laterV1: FleetProtocol = {
  ...protocolV1,
  encodeMember: (view) => withField(protocolV1.encodeMember(view)),
  encodeAssignment: (keys) => withField(protocolV1.encodeAssignment(keys)),
};
const withField = (bytes: Buffer): Buffer =>
  deflateRawSync(JSON.stringify({ ...JSON.parse(inflateRawSync(bytes).toString()), later: { x: 1 } }));

describe('versions of the group protocol', () => {
  const running: TestMember[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((member) => member.end()));
  });
  async function join(name: string, groupId: string, protocols: readonly FleetProtocol[]) {
    const member = await makeMember(name, regions['eu-west'].bootstrap, {
      groupId,
      work: () => work,
      protocols,
    });
    running.push(member);
    await member.membership.start();
    return member;
  }

  test('a roll to the next version and back: always everything shared out, nothing lost at the switch', async () => {
    const counts = { shared: 0 };
    const old = [protocolV1];
    const next = [protocolV2(counts), laterV1];
    let members = [
      await join('a1', 'roll', old),
      await join('b1', 'roll', old),
      await join('c1', 'roll', old),
    ];
    await sharedOut(members, work, 30_000, 4);

    const replace = async (index: number, name: string, protocols: readonly FleetProtocol[]) => {
      const leaving = members[index]!;
      const staying = members.filter((member) => member !== leaving);
      await leaving.end();
      await sharedOut(staying, work, 20_000);
      members = [...staying, await join(name, 'roll', protocols)];
      await sharedOut(members, work, 20_000, 4);
    };
    await replace(0, 'a2', next);
    await replace(0, 'b2', next);
    expect(counts.shared).toBe(0); // c1 does not speak it
    await replace(0, 'c2', next);
    expect(counts.shared).toBeGreaterThan(0);

    // The first member of the old version brings all back to it.
    const spokenBefore = counts.shared;
    const before = ownersOf(members);
    members = [...members, await join('a3', 'roll', old)];
    await sharedOut(members, work, 20_000, 4);
    expect(counts.shared).toBe(spokenBefore);
    for (const [key, [owner]] of ownersOf(members)) expect([before.get(key)![0], 'a3'], key).toContain(owner);
    for (const name of ['b3', 'c3', 'd3']) await replace(0, name, old);
    for (const { notices } of members) expect(notices).toEqual([]);
  });

  test('a member that speaks no version of the group is told so', async () => {
    await join('a', 'only-v2', [protocolV2({ shared: 0 })]);
    await expect(join('b', 'only-v2', [protocolV1])).rejects.toThrow(
      /INCONSISTENT_GROUP_PROTOCOL.*speak no version that this agent speaks/,
    );
    expect(running[1]!.membership.status().state).toBe('Stopped');
  });

  test('a group id that consumers use is refused with a clear message', async () => {
    const member = await makeMember('a', regions['eu-west'].bootstrap, {
      groupId: 'taken',
      work: () => work,
    });
    running.push(member);
    const to = { coordinatorOf: { type: 'group', key: 'taken' } } as const;
    const consumer = {
      ...{ groupId: 'taken', sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 6_000, protocolType: 'consumer' },
      protocols: [{ name: 'range', metadata: Buffer.alloc(4) }],
    };
    const errorOf = () => ({ number: 0 });
    const { memberId } = await member.cluster.request(apis.JoinGroup, consumer, { to, errorOf });
    await member.cluster.request(apis.JoinGroup, { ...consumer, memberId }, { to, errorOf });
    await expect(member.membership.start()).rejects.toThrow(/another application uses the group id taken/);
  });
});
