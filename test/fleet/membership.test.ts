// Members of a fleet on a real broker: sharing, clean stops, deaths, freezes, restarts of the coordinator.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type ProxiedRegion, startProxiedRegion } from '../../scripts/soak/regions.ts';
import type { WorkItem } from '../../src/fleet/index.ts';
import { keyOf } from '../../src/fleet/index.ts';
import { useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { type ChildMember, startChildMember } from './child-member.ts';
import { makeMember, ownersOf, sharedOut, type TestMember, workOf } from './members.ts';

const sessionTimeoutMs = 6_000;
const work = workOf(60);
const folder = useTemporaryFolder();
let proxied: ProxiedRegion;

beforeAll(async () => {
  proxied = await startProxiedRegion({
    ...{ name: 'eu-west', folder: folder.path, brokers: 1, random: Math.random },
    brokerConfig: { 'group.max.size': '4' },
  });
});
afterAll(() => proxied?.[Symbol.asyncDispose]());

describe('a fleet', () => {
  const running: TestMember[] = [];
  const children: ChildMember[] = [];
  let groupCount = 0;
  afterEach(async () => {
    proxied.proxies[0]!.setFault({ kind: 'none' });
    await Promise.all([
      ...running.splice(0).map((member) => member.end()),
      ...children.splice(0).map((child) => child.end()),
    ]);
  });

  type Extra = { stopMs?: number; work?: () => readonly WorkItem[]; bootstrap?: readonly string[] };
  async function join(name: string, groupId: string, extra: Extra = {}): Promise<TestMember> {
    const { bootstrap = proxied.region.bootstrap, ...rest } = extra;
    const member = await makeMember(name, bootstrap, { groupId, work: () => work, ...rest });
    running.push(member);
    await member.membership.start();
    return member;
  }
  /** Three members that have shared the work out. */
  async function three(extra: Extra & { third?: Extra } = {}): Promise<[TestMember, TestMember, TestMember]> {
    const groupId = `fleet-${++groupCount}`;
    const { third = {}, ...rest } = extra;
    const members: [TestMember, TestMember, TestMember] = [
      await join('a', groupId, rest),
      await join('b', groupId, rest),
      await join('c', groupId, { ...rest, ...third }),
    ];
    await sharedOut(members, rest.work?.() ?? work, 30_000, 4);
    return members;
  }

  test('three members share 60 items, and a clean stop hands over within a second', async () => {
    const [a, b, c] = await three({ stopMs: 100 });
    const startMs = Date.now();
    await c.end();
    await sharedOut([a, b], work, 10_000);
    const tookMs = Date.now() - startMs;
    console.log(`a clean stop handed over in ${tookMs} ms, of which 100 ms for stopping the work`);
    expect(tookMs).toBeLessThan(3_000);
    const leaderStartMs = Date.now();
    await a.end();
    await sharedOut([b], work, 10_000);
    console.log(`the leader's clean stop handed over in ${Date.now() - leaderStartMs} ms`);
    expect(b.leads).toBe(true);
    expect(a.leads).toBe(false);
  });

  test('a newcomer gets its part a few at a time, and the others go on with theirs', async () => {
    const groupId = `fleet-${++groupCount}`;
    const a = await join('a', groupId, { stopMs: 50 });
    const b = await join('b', groupId, { stopMs: 50 });
    await sharedOut([a, b], work, 30_000, 12);
    for (const { what, keys } of a.log.slice(1)) {
      expect(what).toBe('revoked');
      expect(keys.length).toBeLessThanOrEqual(4);
    }
    // What b has got is what a gave up, and nothing of the rest was ever touched.
    expect(
      a.log
        .slice(1)
        .flatMap(({ keys }) => keys)
        .sort(),
    ).toEqual([...b.owned].sort());
  });

  test('new items go to somebody within a second and move nothing else; items that are gone are given up', async () => {
    let items: readonly WorkItem[] = work;
    const members = await three({ work: () => items });
    const before = ownersOf(members);
    const marks = members.map(({ log }) => log.length);
    items = [...work, ...workOf(72).slice(60)];
    const startMs = Date.now();
    for (const { membership } of members) membership.workChanged();
    await sharedOut(members, items, 10_000);
    console.log(`12 new items were given out in ${Date.now() - startMs} ms`);
    for (const [key, owners] of before) expect(ownersOf(members).get(key)).toEqual(owners);
    const told = members.flatMap(({ log }, index) => log.slice(marks[index]!));
    expect(told.every(({ what }) => what === 'added')).toBe(true);
    expect(told.flatMap(({ keys }) => keys).length).toBe(12);

    items = items.slice(1);
    for (const { membership } of members) membership.workChanged();
    await sharedOut(members, items, 10_000);
    expect(ownersOf(members).has(keyOf(work[0]!))).toBe(false);
  });

  test('a member that is killed is replaced within the session timeout', async () => {
    const groupId = `fleet-${++groupCount}`;
    const [a, b] = [await join('a', groupId), await join('b', groupId)];
    const bootstrap = proxied.region.bootstrap[0]!;
    const child = await startChildMember({ name: 'c', bootstrap, groupId, itemCount: 60 });
    children.push(child);
    await waitFor(() => child.owned.size >= 16, { deadlineMs: 30_000, describe: 'c to get its part' });
    child.signal('SIGKILL');
    const startMs = Date.now();
    await sharedOut([a, b], work, 30_000);
    const tookMs = Date.now() - startMs;
    console.log(
      `a killed member was replaced in ${tookMs} ms with a session timeout of ${sessionTimeoutMs} ms`,
    );
    expect(tookMs).toBeLessThan(sessionTimeoutMs + 2_000);
    // Those that lived on have not been touched.
    for (const { log } of [a, b])
      expect(log.filter(({ what, atMs }) => what === 'revoked' && atMs > startMs)).toEqual([]);
  });

  test('a process that was frozen beyond the session timeout gives everything up and comes back', async () => {
    const groupId = `fleet-${++groupCount}`;
    const [a, b] = [await join('a', groupId), await join('b', groupId)];
    const bootstrap = proxied.region.bootstrap[0]!;
    const child = await startChildMember({ name: 'c', bootstrap, groupId, itemCount: 60 });
    children.push(child);
    await waitFor(() => child.owned.size >= 16, { deadlineMs: 30_000, describe: 'c to get its part' });
    child.signal('SIGSTOP');
    await sharedOut([a, b], work, 30_000);
    child.signal('SIGCONT');
    await waitFor(
      () => {
        const inChild = [...child.owned];
        const owners = ownersOf([a, b]);
        return (
          inChild.length >= 16 &&
          inChild.length + owners.size === 60 &&
          inChild.every((key) => !owners.has(key)) &&
          [...owners.values()].every((names) => names.length === 1)
        );
      },
      { deadlineMs: 30_000, describe: () => `one owner each: c has ${child.owned.size} ${child.reasons}` },
    );
    expect(child.reasons.join()).toMatch(/no heartbeat was answered for \d+ ms/);
  });

  test('a member that the coordinator does not hear gives everything up by itself, in time', async () => {
    const [proxy] = proxied.proxies;
    const [a, b, c] = await three({ third: { bootstrap: proxied.bootstrap } });
    const startMs = Date.now();
    proxy!.setFault({ kind: 'stall' });
    await waitFor(() => c.owned.size === 0, { deadlineMs: 20_000, describe: 'c to give up', pollMs: 20 });
    const gaveUpMs = Date.now() - startMs;
    console.log(`a member without answers gave up after ${gaveUpMs} ms`);
    expect(gaveUpMs).toBeLessThan(sessionTimeoutMs + 500);
    expect(gaveUpMs).toBeGreaterThan(sessionTimeoutMs - 1_500);
    expect(c.membership.status().generation).toBe(-1);
    await sharedOut([a, b], work, 20_000);
    // Nobody had an item while somebody else still had it.
    expect(proxy!.counts.stalledChunks).toBeGreaterThan(0);
    proxy!.setFault({ kind: 'none' });
    await sharedOut([a, b, c], work, 30_000, 4);
    expect(c.notices.join()).toMatch(/lost its place in group fleet-\d+: no heartbeat was answered/);
  });

  test('a cut of all connections shorter than the session timeout moves nothing', async () => {
    const members = await three({ third: { bootstrap: proxied.bootstrap } });
    const before = ownersOf(members);
    const lengths = members.map(({ log }) => log.length);
    expect(proxied.proxies[0]!.cutAll()).toBeGreaterThan(0);
    const cutMs = Date.now();
    await waitFor(
      () => {
        const { state, heartbeatAgeMs } = members[2].membership.status();
        return state === 'Stable' && Date.now() - heartbeatAgeMs! > cutMs + 100;
      },
      { deadlineMs: 10_000, describe: 'c to be heard again' },
    );
    expect(ownersOf(members)).toEqual(before);
    expect(members.map(({ log }) => log.length)).toEqual(lengths);
  });

  test('one member more than the brokers allow waits, says why, and comes in when there is room', async () => {
    const [a, b, c] = await three();
    const groupId = `fleet-${groupCount}`;
    const d = await join('d', groupId);
    // In the middle of a round the broker would let it in and turn another one away.
    await sharedOut([a, b, c, d], work, 30_000, 4);
    const e = await makeMember('e', proxied.region.bootstrap, { groupId, work: () => work });
    running.push(e);
    const started = e.membership.start();
    await waitFor(() => e.notices.length > 0, { deadlineMs: 10_000, describe: 'e to say why it waits' });
    expect(e.notices[0]).toMatch(/GROUP_MAX_SIZE_REACHED.*Raise group\.max\.size/);
    await d.end();
    await started;
    await sharedOut([a, b, c, e], work, 30_000, 4);
  });

  test('the coordinator is restarted: the members find their way back', async () => {
    const members = await three();
    const [broker] = proxied.region.brokers;
    await broker!.stop();
    await broker!.start();
    await sharedOut(members, work, 60_000, 4);
    await broker!.kill();
    await broker!.start();
    await sharedOut(members, work, 60_000, 4);
  });
});
