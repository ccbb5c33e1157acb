// The machine of a member: what each answer of the coordinator, and each silence, makes it do.
import { describe, expect, test } from 'vitest';
import { LockstepError } from '../errors.ts';
import { MemberMachine } from './machine.ts';
import type { MemberAction, MemberEvent } from './state.ts';

const sessionTimeoutMs = 10_000;
const heartbeatIntervalMs = 300;

/** A machine with a clock, and shorthands for what the coordinator says. */
class Bench {
  nowMs = 1_000;
  readonly machine = new MemberMachine({
    cluster: 'eu-west',
    groupId: 'lockstep',
    sessionTimeoutMs,
    rebalanceTimeoutMs: 30_000,
    heartbeatIntervalMs,
    balanceIntervalMs: 300_000,
    random: () => 0.5,
  });
  #attempt = 0;
  #connection = 0;

  handle(event: MemberEvent): readonly MemberAction[] {
    const actions = this.machine.handle(event, this.nowMs);
    for (const action of actions) {
      if (action.type === 'join') this.#attempt = action.attempt;
      if (action.type === 'connect') this.#connection = action.connection;
    }
    return actions;
  }
  after(ms: number): readonly MemberAction[] {
    this.nowMs += ms;
    return this.handle({ type: 'wake' });
  }
  connected = () => this.handle({ type: 'connected', connection: this.#connection });
  failed = (error = new LockstepError('CONNECTION_CLOSED', 'gone')) =>
    this.handle({ type: 'failed', connection: this.#connection, error });
  joinRefused = (errorCode: number, memberId = '') =>
    this.handle({ type: 'joinRefused', attempt: this.#attempt, errorCode, memberId });
  joined = (generation: number, isLeader = false) =>
    this.handle({
      type: 'joined',
      attempt: this.#attempt,
      generation,
      memberId: 'me',
      leaderId: isLeader ? 'me' : 'other',
      protocolName: 'v1',
      members: [],
    });
  synced = (...keys: string[]) => this.handle({ type: 'synced', attempt: this.#attempt, keys });
  syncRefused = (errorCode: number) =>
    this.handle({ type: 'syncRefused', attempt: this.#attempt, errorCode });
  beaten = (errorCode = 0, sentAtMs = this.nowMs, generation = this.machine.generation) =>
    this.handle({ type: 'beaten', memberId: this.machine.memberId, generation, sentAtMs, errorCode });
  released = (...keys: string[]) => this.handle({ type: 'released', keys });

  /** A member in generation 1 that holds these. */
  static stable(keys: string[], isLeader = false): Bench {
    const bench = new Bench();
    bench.handle({ type: 'start' });
    bench.connected();
    bench.joinRefused(79, 'me');
    bench.joined(1, isLeader);
    bench.synced(...keys);
    return bench;
  }
}

const types = (actions: readonly MemberAction[]) => actions.map(({ type }) => type);
const find = <T extends MemberAction['type']>(actions: readonly MemberAction[], type: T) =>
  actions.find((action): action is Extract<MemberAction, { type: T }> => action.type === type);

describe('joining', () => {
  test('connects, joins, takes the member id it is given, joins with it, and takes its share', () => {
    const bench = new Bench();
    expect(types(bench.handle({ type: 'start' }))).toEqual(['connect']);
    expect(bench.connected()).toEqual([{ type: 'join', attempt: expect.any(Number), memberId: '' }]);
    expect(bench.joinRefused(79, 'me')).toEqual([
      { type: 'join', attempt: expect.any(Number), memberId: 'me' },
    ]);
    const sync = find(bench.joined(1), 'sync')!;
    expect(sync).toMatchObject({ generation: 1, memberId: 'me', members: null });
    expect(bench.synced('l/t/0')).toEqual([
      { type: 'assigned', added: ['l/t/0'], all: ['l/t/0'], generation: 1, follows: null },
    ]);
    expect(bench.machine.phase.name).toBe('Stable');
  });

  test('the leader is told so, and gets the members to share out to', () => {
    const bench = new Bench();
    bench.handle({ type: 'start' });
    bench.connected();
    const actions = bench.joined(1, true);
    expect(types(actions)).toEqual(['leader', 'sync']);
    expect(find(actions, 'sync')!.members).toEqual([]);
  });

  test('answers to an older join are ignored', () => {
    const bench = Bench.stable(['l/t/0']);
    const late = { type: 'synced', attempt: 0, keys: ['l/t/9'] } as const;
    expect(bench.handle(late)).toEqual([]);
    expect([...bench.machine.holdings.active]).toEqual(['l/t/0']);
  });

  test.each([
    [14, 'COORDINATOR_LOAD_IN_PROGRESS', 'join'],
    [15, 'COORDINATOR_NOT_AVAILABLE', 'connect'],
    [16, 'NOT_COORDINATOR', 'connect'],
    [25, 'UNKNOWN_MEMBER_ID', 'join'],
    [81, 'GROUP_MAX_SIZE_REACHED', 'join'],
    [30, 'GROUP_AUTHORIZATION_FAILED', 'join'],
  ])('after %d %s a pause, then %s', (errorCode, _, next) => {
    const bench = new Bench();
    bench.handle({ type: 'start' });
    bench.connected();
    bench.joinRefused(errorCode);
    expect(bench.machine.phase.name).toBe('Waiting');
    expect(types(bench.after(20))).toEqual([]);
    expect(types(bench.after(2_000))).toEqual([next]);
  });

  test('what people have to mend is told once, with the way out, and tried again more and more rarely', () => {
    const bench = new Bench();
    bench.handle({ type: 'start' });
    bench.connected();
    const actions = bench.joinRefused(30);
    expect(find(actions, 'hopeless')!.error).toMatchObject({ code: 'NOT_AUTHORIZED' });
    expect(find(actions, 'notice')!.text).toMatch(/Grant this user READ on group lockstep/);
    bench.after(1_500);
    expect(types(bench.joinRefused(30))).toEqual(['hopeless']);
    for (let attempt = 0; attempt < 8; attempt += 1) {
      bench.nowMs = bench.machine.wakeAtMs;
      bench.after(0);
      bench.joinRefused(30);
    }
    expect(bench.machine.wakeAtMs - bench.nowMs).toBe(10_000);
  });
});

describe('a round of sharing out', () => {
  test('what stays goes on, what is lost is stopped and freed by another round, what is new begins at once', () => {
    const bench = Bench.stable(['l/t/0', 'l/t/1']);
    expect(types(bench.beaten(27))).toEqual(['join']);
    bench.joined(2);
    const actions = bench.synced('l/t/1', 'l/t/2');
    expect(find(actions, 'revoke')!.keys).toEqual(['l/t/0']);
    expect(find(actions, 'assigned')).toMatchObject({ added: ['l/t/2'], all: ['l/t/1', 'l/t/2'] });
    // Still claimed while it is being stopped.
    expect([...bench.machine.holdings.releasing]).toEqual(['l/t/0']);
    expect(types(bench.released('l/t/0'))).toContain('join');
    expect([...bench.machine.holdings.releasing]).toEqual([]);
  });

  describe('who follows whom', () => {
    test('what is given up in one generation follows in the next, for those who were in both', () => {
      const bench = Bench.stable(['l/t/0']);
      bench.beaten(27);
      bench.joined(2);
      expect(find(bench.synced('l/t/1'), 'revoke')!.generationId).toBe('2/other');
      bench.released('l/t/0');
      bench.joined(3);
      expect(find(bench.synced('l/t/1', 'l/t/2'), 'assigned')).toMatchObject({
        ...{ added: ['l/t/2'], follows: '2/other' },
      });
      expect(find(bench.handle({ type: 'stop' }), 'revoke')!.generationId).toBe('3/other');
    });

    test('a generation that was missed leaves it open, on both sides', () => {
      const bench = Bench.stable(['l/t/0']);
      bench.beaten(27);
      bench.joined(2);
      bench.syncRefused(27);
      bench.joined(3);
      const actions = bench.synced('l/t/1');
      expect(find(actions, 'revoke')!.generationId).toBeNull();
      expect(find(actions, 'assigned')!.follows).toBeNull();
    });

    test('a generation whose sharing out comes twice is followed by none', () => {
      const bench = Bench.stable(['l/t/0']);
      bench.beaten(27);
      bench.joined(1);
      expect(find(bench.synced('l/t/0', 'l/t/1'), 'assigned')!.follows).toBeNull();
    });

    test('what is taken up again in the middle of a generation follows nobody', () => {
      const bench = Bench.stable(['l/t/0']);
      bench.beaten(27);
      bench.joined(2);
      bench.synced();
      bench.beaten(27);
      bench.joined(3);
      bench.synced('l/t/0');
      expect(find(bench.released('l/t/0'), 'assigned')).toMatchObject({ added: ['l/t/0'], follows: null });
    });

    test('who has lost the membership gives up in no generation, and follows nobody', () => {
      const bench = Bench.stable(['l/t/0']);
      expect(find(bench.beaten(25), 'revoke')!.generationId).toBeNull();
      bench.released('l/t/0');
      bench.joined(2);
      expect(find(bench.synced('l/t/0'), 'assigned')!.follows).toBeNull();
    });
  });

  test('what is stopped while a join is under way makes one round more', () => {
    const bench = Bench.stable(['l/t/0']);
    bench.beaten(27);
    bench.joined(2);
    bench.synced();
    bench.beaten(27);
    expect(types(bench.released('l/t/0'))).not.toContain('join');
    bench.joined(3);
    expect(types(bench.synced('l/t/5'))).toEqual(['assigned', 'join']);
  });

  test('the sharing out was overtaken by another one: join again', () => {
    const bench = Bench.stable(['l/t/0']);
    bench.beaten(27);
    bench.joined(2);
    expect(types(bench.syncRefused(27))).toContain('join');
    expect([...bench.machine.holdings.active]).toEqual(['l/t/0']);
  });

  test('changed work makes one round a moment later, asked for by the leader only', () => {
    const leader = Bench.stable([], true);
    leader.handle({ type: 'workChanged' });
    leader.handle({ type: 'workChanged' });
    expect(types(leader.after(50))).not.toContain('join');
    expect(types(leader.after(50))).toContain('join');
    const follower = Bench.stable([]);
    follower.handle({ type: 'workChanged' });
    expect(types(follower.after(200))).not.toContain('join');
  });

  test('the leader asks for the load anew now and then', () => {
    const leader = Bench.stable([], true);
    for (let atMs = 0; atMs < 299_000; atMs += 1_000) {
      leader.nowMs += 1_000;
      const sentAtMs = leader.nowMs;
      expect(types(leader.handle({ type: 'wake' }))).not.toContain('join');
      leader.beaten(0, sentAtMs);
    }
    expect(types(leader.after(1_000))).toContain('join');
  });
});

describe('the session', () => {
  test('a heartbeat goes out in each interval, one at a time', () => {
    const bench = Bench.stable([]);
    expect(types(bench.after(heartbeatIntervalMs))).toEqual(['beat']);
    expect(types(bench.after(heartbeatIntervalMs))).toEqual([]);
    expect(types(bench.beaten())).toEqual(['beat']);
  });

  test('heartbeats go on while a join waits', () => {
    const bench = Bench.stable([]);
    bench.after(heartbeatIntervalMs);
    bench.beaten(27);
    expect(bench.machine.phase.name).toBe('Joining');
    expect(types(bench.after(heartbeatIntervalMs))).toEqual(['beat']);
    expect(types(bench.beaten(27))).toEqual([]);
    // The group has gone on to the next generation; the answer to the join is on its way.
    expect(types(bench.beaten(22))).toEqual([]);
    expect(bench.machine.holdings.active.size).toBe(0);
    expect(bench.machine.lossCount).toBe(0);
  });

  test('without an answer for the session timeout everything is given up, and it joins on new connections', () => {
    const bench = Bench.stable(['l/t/0'], true);
    bench.after(heartbeatIntervalMs);
    bench.beaten();
    expect(types(bench.after(sessionTimeoutMs - 1))).not.toContain('revoke');
    const actions = bench.after(1);
    expect(types(actions)).toEqual(['leader', 'notice', 'revoke', 'connect']);
    expect(find(actions, 'revoke')!.reason).toMatch(/no heartbeat was answered for 10000 ms/);
    expect(find(actions, 'leader')!.isLeader).toBe(false);
    expect(bench.machine.heldGeneration).toBe(-1);
  });

  test('an answer counts from when its heartbeat was sent, not from when it came', () => {
    const bench = Bench.stable(['l/t/0']);
    const sentAtMs = bench.nowMs;
    bench.nowMs += sessionTimeoutMs;
    expect(types(bench.beaten(0, sentAtMs))).toContain('revoke');
  });

  test('the session ends in whatever phase: while joining, waiting and connecting', () => {
    const joining = Bench.stable(['l/t/0']);
    joining.beaten(27);
    expect(types(joining.after(sessionTimeoutMs))).toEqual(['notice', 'revoke', 'connect']);
    const connecting = Bench.stable(['l/t/0']);
    connecting.failed();
    connecting.after(500);
    expect(connecting.machine.phase.name).toBe('Connecting');
    expect(types(connecting.after(sessionTimeoutMs))).toEqual(['notice', 'revoke']);
    expect(types(connecting.connected())).toEqual(['join']);
  });

  test('a join that does not get through within the rebalance timeout: the group has gone on without it', () => {
    const bench = Bench.stable(['l/t/0']);
    bench.beaten(27);
    for (let waitedMs = 0; waitedMs < 29_000; waitedMs += 1_000) {
      bench.nowMs += 1_000;
      expect(types(bench.beaten(27))).not.toContain('revoke');
    }
    bench.nowMs += 1_000;
    const revoke = find(bench.beaten(27), 'revoke')!;
    expect(revoke.reason).toMatch(/did not come to join again within 30000 ms/);
  });

  test('a share that comes after a freeze is not taken: the session has ended meanwhile', () => {
    const bench = Bench.stable(['l/t/0']);
    bench.beaten(27);
    bench.joined(2);
    bench.nowMs += sessionTimeoutMs;
    const actions = bench.synced('l/t/0', 'l/t/1');
    expect(types(actions)).toEqual(['notice', 'revoke', 'connect']);
    expect(bench.machine.holdings.active.size).toBe(0);
  });

  test('a connection that breaks is opened again, and the work goes on', () => {
    const bench = Bench.stable(['l/t/0']);
    expect(types(bench.failed())).toEqual([]);
    expect(types(bench.after(500))).toEqual(['connect']);
    expect(types(bench.connected())).toEqual(['beat']);
    expect(bench.machine.phase.name).toBe('Stable');
    expect([...bench.machine.holdings.active]).toEqual(['l/t/0']);
  });

  test.each([
    [25, 'UNKNOWN_MEMBER_ID', ''],
    [82, 'FENCED_INSTANCE_ID', ''],
    [22, 'ILLEGAL_GENERATION', 'me'],
  ])(
    'a heartbeat refused with %d %s: everything is lost, and it joins as "%s"',
    (errorCode, name, memberId) => {
      const bench = Bench.stable(['l/t/0']);
      const actions = bench.beaten(errorCode);
      expect(find(actions, 'revoke')).toMatchObject({
        keys: ['l/t/0'],
        reason: expect.stringContaining(name),
      });
      expect(find(actions, 'join')).toMatchObject({ memberId: memberId });
      expect(bench.machine.lossCount).toBe(1);
    },
  );

  test('thrown out while a join waits: the join is given up with its connection', () => {
    const bench = Bench.stable(['l/t/0']);
    bench.beaten(27);
    expect(types(bench.beaten(25))).toEqual(['notice', 'revoke', 'connect']);
    expect(find(bench.connected(), 'join')!.memberId).toBe('');
  });

  test('a late answer for an older generation proves nothing', () => {
    const bench = Bench.stable(['l/t/0']);
    bench.beaten(27);
    bench.joined(2);
    const contactMs = bench.machine.contactMs;
    bench.nowMs += 500;
    bench.beaten(25, bench.nowMs, 1);
    bench.beaten(0, bench.nowMs, 1);
    expect(bench.machine.contactMs).toBe(contactMs);
    expect(bench.machine.lossCount).toBe(0);
  });
});

describe('a clean stop', () => {
  test('everything is stopped first, heartbeats go on meanwhile, then the group is left', () => {
    const bench = Bench.stable(['l/t/0'], true);
    expect(find(bench.handle({ type: 'stop' }), 'revoke')!.keys).toEqual(['l/t/0']);
    expect(types(bench.after(heartbeatIntervalMs))).toEqual(['beat']);
    expect(types(bench.released('l/t/0'))).toEqual(['leader', 'leave']);
    expect(types(bench.handle({ type: 'left' }))).toEqual(['close']);
    expect(bench.machine.phase.name).toBe('Stopped');
    expect(bench.machine.wakeAtMs).toBe(Number.POSITIVE_INFINITY);
  });

  test('a round that comes meanwhile is joined and gives it nothing', () => {
    const bench = Bench.stable(['l/t/0']);
    bench.handle({ type: 'stop' });
    expect(types(bench.beaten(27))).toContain('join');
    expect(bench.machine.isStopping).toBe(true);
    bench.joined(2);
    expect(types(bench.synced('l/t/0'))).not.toContain('assigned');
  });

  test('without a connection it just stops: the group finds out by itself', () => {
    const bench = Bench.stable(['l/t/0']);
    bench.failed();
    bench.handle({ type: 'stop' });
    expect(types(bench.released('l/t/0'))).toEqual(['close']);
  });

  test('before it has joined', () => {
    const bench = new Bench();
    bench.handle({ type: 'start' });
    expect(types(bench.handle({ type: 'stop' }))).toEqual(['close']);
  });
});
