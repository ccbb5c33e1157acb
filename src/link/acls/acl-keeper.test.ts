import { expect, test } from 'vitest';
import { acl, FakeRights, FakeStore } from '../../../test/support/fake-rights.ts';
import { manualClock } from '../../../test/support/manual-clock.ts';
import type { Cluster } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { AclKeeper, type AclKeeperOptions } from './acl-keeper.ts';

const noCluster = {} as Cluster;
const rule = acl('ALLOW User:app READ on TOPIC LITERAL orders');

function begin(more: Partial<AclKeeperOptions> = {}) {
  const [source, destination] = [new FakeRights(), new FakeRights()];
  const store = new FakeStore();
  const clock = manualClock();
  const notices: string[] = [];
  const keeper = new AclKeeper({
    source: noCluster,
    destination: noCluster,
    sides: { source, destination },
    store,
    clock,
    wallClockMs: () => 1_000_000 + clock.nowMs(),
    mirrors: () => [{ sourceTopic: 'orders', mirrorTopic: 'orders', isPromoted: false }],
    agentPrincipal: () => 'User:agent',
    config: { everyMs: 5_000, resources: ['topic'], withholdWrites: true },
    selects: () => true,
    quotas: [],
    users: [],
    onNotice: ({ text }) => notices.push(text),
    ...more,
  });
  return { keeper, source, destination, store, clock, notices };
}

test('looks at once and then as often as it is told', async () => {
  const { keeper, source, destination, clock } = begin();
  keeper.start();
  await clock.advance(0);
  expect(keeper.status().acls.state).toBe('Current');
  source.add(rule);
  await clock.advance(4_999);
  expect(destination.has(rule)).toBe(false);
  await clock.advance(1);
  expect(destination.has(rule)).toBe(true);
  await keeper.stop();
  source.remove(rule);
  await clock.advance(20_000);
  expect(destination.has(rule)).toBe(true);
  expect(clock.timerCount).toBe(0);
});

test('a destination that fails is told once and looked at again', async () => {
  const { keeper, destination, clock, notices } = begin();
  destination.failure = new LockstepError('CLUSTER_UNREACHABLE', 'eu-west is down');
  keeper.start();
  await clock.advance(20_000);
  expect(keeper.status().acls).toMatchObject({ state: 'Failed', reason: 'eu-west is down' });
  expect(notices).toEqual(['ACLs: Failed: eu-west is down']);
  destination.failure = null;
  await clock.advance(5_000);
  expect(keeper.status().acls).toMatchObject({ state: 'Current', reason: null });
  await keeper.stop();
});

test('a stop does not wait for a source that does not answer', async () => {
  const { keeper, source, clock, notices } = begin();
  source.rules = () => new Promise(() => {});
  keeper.start();
  await clock.advance(0);
  expect(keeper.status().acls.state).toBe('Starting');
  await keeper.stop();
  expect([clock.timerCount, notices]).toEqual([0, []]);
});

test('a promotion waits two seconds for a source that is gone, also behind a look, and takes its rules as last seen', async () => {
  const { keeper, source, destination, clock } = begin({ quotas: ['user=app'] });
  const write = acl('ALLOW User:app WRITE on TOPIC LITERAL orders');
  source.add(write);
  keeper.start();
  await clock.advance(0);
  source.rules = () => new Promise(() => {});
  source.quotas = () => new Promise(() => {});
  await clock.advance(5_000);
  let isReleased = false;
  const released = keeper.release(['orders']).then(() => {
    isReleased = true;
  });
  await clock.advance(1_999);
  expect(isReleased).toBe(false);
  await clock.advance(1);
  await released;
  expect(destination.has(write)).toBe(true);
  await keeper.stop();
  expect(clock.timerCount).toBe(0);
});

test('a mistake of ours is told and ends nothing', async () => {
  const { keeper, destination, clock, notices } = begin();
  const { rules } = destination;
  destination.rules = async () => {
    throw new TypeError('a mistake');
  };
  keeper.start();
  await clock.advance(0);
  expect(notices).toEqual(['ACLs: a look failed: a mistake']);
  destination.rules = rules.bind(destination);
  await clock.advance(5_000);
  expect(keeper.status().acls.state).toBe('Current');
  await keeper.stop();
});

test('without sync.acls rules are left alone, and a promotion still lifts what was denied before', async () => {
  const { keeper, source, destination } = begin();
  destination.add(acl('ALLOW User:app WRITE on TOPIC LITERAL *'));
  source.add(rule);
  await keeper.lookNow();
  expect(destination.acls.size).toBe(3);
  keeper.alter({ config: null });
  await keeper.lookNow();
  expect(keeper.status().acls.state).toBe('Off');
  expect(destination.acls.size).toBe(3);
  await keeper.release(['orders']);
  expect(destination.shown).toEqual([
    'ALLOW User:app READ on TOPIC LITERAL orders from *',
    'ALLOW User:app WRITE on TOPIC LITERAL * from *',
  ]);
});

test('users that rules name are reported while nobody supplied a password; nothing secret is kept', async () => {
  const { keeper, source, destination, store } = begin();
  source.add(rule);
  source.scram.set('app', { mechanisms: ['SCRAM-SHA-512'], password: '' });
  source.scram.set('nobody', { mechanisms: ['SCRAM-SHA-512'], password: '' });
  await keeper.lookNow();
  expect(keeper.status().users.missing).toEqual(['app']);
  const user = { name: 'app', mechanism: 'SCRAM-SHA-512', password: 'hush' } as const;
  keeper.alter({ users: [user] });
  await keeper.lookNow();
  expect(destination.scram.get('app')?.password).toBe('hush');
  expect(keeper.status().users).toMatchObject({ missing: [], created: ['app'] });
  expect(JSON.stringify([...store.values, keeper.status()])).not.toContain('hush');

  keeper.alter({ users: [{ ...user, password: 'another' }] });
  await keeper.lookNow();
  expect(destination.scram.get('app')?.password, 'who has a password keeps it').toBe('hush');
  destination.scram.clear();
  await keeper.lookNow();
  expect(destination.scram.size, 'removed by somebody else').toBe(0);
  expect(keeper.status().users.warnings).toEqual([expect.stringContaining('removed by somebody else')]);
});
