// Members of a fleet on a fake clock, network and coordinator, from a seed: requests and answers get lost, connections
// break, members freeze, die and stop, the coordinator is restarted. At every moment no item may be worked on by two
// members that are awake, nor by one while another still stops it for it (one that has lost its membership may: the
// others had to wait for its session only); when the faults are over, everything must have exactly one. And whoever is
// told that it follows a generation begins right after the one who gave up in that generation: nobody began between.
import { LockstepError } from '../../errors.ts';
import { SeededRandom } from '../../mirror/simulation/random.ts';
import { MemberMachine } from '../machine.ts';
import { protocolV1 } from '../protocol-v1.ts';
import { Sharing } from '../sharing.ts';
import type { MemberAction, MemberEvent } from '../state.ts';
import { ModelGroup } from './model-group.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly members: number;
  readonly items: number;
  /** Faults happen for so long, ms. */
  readonly faultMs: number;
  /** Then everything must have come right within this, ms. */
  readonly calmMs: number;
}

export interface SimulationResult {
  readonly violations: readonly string[];
  readonly isConverged: boolean;
  readonly losses: number;
  readonly rounds: number;
  readonly faults: Readonly<Record<string, number>>;
  /** Items begun by somebody who knew that nobody had them since they were given up. */
  readonly followed: number;
  readonly end: string;
}

const sessionTimeoutMs = 6_000;
const rebalanceTimeoutMs = 18_000;
/** Of JoinGroup and SyncGroup. */
const requestTimeoutMs = 23_000;

interface SimMember {
  readonly name: string;
  machine: MemberMachine;
  sharing: Sharing;
  frozenUntilMs: number;
  connection: number;
  wakeToken: number;
  /** What it stops because it was told to, as a member: nobody may begin with it before. */
  handingOver: Set<string>;
  isDead: boolean;
}

export function simulate({
  seed,
  members: count,
  items,
  faultMs,
  calmMs,
}: SimulationOptions): SimulationResult {
  const seeded = new SeededRandom(seed);
  const random = () => seeded.next();
  const chance = (share: number) => random() < share;
  const upTo = (max: number) => Math.floor(random() * max);

  /** In the order of time. */
  const queue: { atMs: number; run: () => void }[] = [];
  let nowMs = 0;
  const at = (atMs: number, run: () => void) => {
    let low = 0;
    for (let high = queue.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if (queue[middle]!.atMs <= atMs) low = middle + 1;
      else high = middle;
    }
    queue.splice(low, 0, { atMs, run });
  };
  const after = (delayMs: number, run: () => void) => at(nowMs + delayMs, run);

  const group = new ModelGroup({ sessionTimeoutMs, rebalanceTimeoutMs });
  const keys = Array.from({ length: items }, (_, index) => `l/t${index % 7}/${Math.floor(index / 7)}`);
  const violations: string[] = [];
  const faults: Record<string, number> = {};
  const fault = (name: string) => {
    faults[name] = (faults[name] ?? 0) + 1;
  };
  let isFaulty = true;
  let isDown = false;
  let losses = 0;
  let followed = 0;
  /** How often each item was begun by anybody; and at which count, in which generation, it was given up last. */
  const beginnings = new Map<string, number>();
  const givenUp = new Map<string, { generationId: string | null; beginning: number }>();

  const newMachine = () =>
    new MemberMachine({
      ...{ cluster: 'eu-west', groupId: 'lockstep', sessionTimeoutMs, rebalanceTimeoutMs },
      ...{ heartbeatIntervalMs: 300, balanceIntervalMs: 20_000, random },
    });
  const fleet: SimMember[] = Array.from({ length: count }, (_, index) => ({
    ...{ name: `a${index}`, machine: newMachine(), sharing: new Sharing() },
    ...{ frozenUntilMs: 0, connection: 0, wakeToken: 0, handingOver: new Set(), isDead: false },
  }));

  const noteHandingOver = ({ handingOver }: SimMember, keys: readonly string[]): void => {
    for (const key of keys) handingOver.add(key);
  };

  /** Hands an event to a member, later if it is frozen. */
  const deliver = (member: SimMember, machine: MemberMachine, event: MemberEvent): void => {
    if (member.machine !== machine || member.isDead) return;
    if (member.frozenUntilMs > nowMs) return at(member.frozenUntilMs, () => deliver(member, machine, event));
    const before = machine.lossCount;
    const actions = machine.handle(event, nowMs);
    losses += machine.lossCount - before;
    if (machine.lossCount > before) member.handingOver.clear();
    else for (const action of actions) if (action.type === 'revoke') noteHandingOver(member, action.keys);
    if (event.type === 'released') for (const key of event.keys) member.handingOver.delete(key);
    for (const action of actions) act(member, machine, action);
    const token = ++member.wakeToken;
    const { wakeAtMs } = machine;
    if (wakeAtMs < Number.POSITIVE_INFINITY)
      at(Math.max(nowMs, Math.ceil(wakeAtMs)), () => {
        if (member.wakeToken === token) deliver(member, machine, { type: 'wake' });
      });
    check();
  };

  /** A request and its answer, each of which may be lost; `serve` is given how to answer. */
  const ask = (
    member: SimMember,
    machine: MemberMachine,
    serve: (answer: (event: MemberEvent) => void) => void,
  ): void => {
    const { connection } = member;
    const fail = (delayMs: number) =>
      after(delayMs, () => {
        const error = new LockstepError('CONNECTION_CLOSED', 'lost');
        if (member.connection === connection) deliver(member, machine, { type: 'failed', connection, error });
      });
    const isLost = () => isFaulty && chance(0.01);
    if (isDown) return void fail(1 + upTo(20));
    if (isLost()) {
      fault('request lost');
      return void fail(chance(0.5) ? 1 : 2_000);
    }
    let isAnswered = false;
    after(requestTimeoutMs, () => {
      if (!isAnswered) fail(0);
    });
    after(1 + upTo(isFaulty ? 120 : 10), () => {
      if (member.isDead || isDown) return void fail(1);
      serve((event) => {
        isAnswered = true;
        if (isLost()) {
          fault('answer lost');
          return void fail(chance(0.5) ? 1 : 2_000);
        }
        after(1 + upTo(isFaulty ? 120 : 10), () => {
          if (member.connection === connection) deliver(member, machine, event);
        });
      });
    });
  };

  const act = (member: SimMember, machine: MemberMachine, action: MemberAction): void => {
    switch (action.type) {
      case 'connect':
        member.connection = action.connection;
        return ask(member, machine, (answer) => answer({ type: 'connected', connection: action.connection }));
      case 'join': {
        const { holdings, heldGeneration: generation, isStopping: isLeaving } = machine;
        const metadata = protocolV1.encodeMember({
          ...{ agentId: member.name, generation, isLeaving, load: new Map() },
          ...{ owned: [...holdings.active], releasing: [...holdings.releasing] },
        });
        const { attempt } = action;
        return ask(member, machine, (answer) =>
          group.join(nowMs, action.memberId, metadata, ({ errorCode, memberId, ...reply }) =>
            answer(
              errorCode !== 0
                ? { type: 'joinRefused', attempt, errorCode, memberId }
                : {
                    ...{ type: 'joined', attempt, memberId, protocolName: 'v1', ...reply },
                    members: reply.members.map((of) => ({ ...of, groupInstanceId: null })),
                  },
            ),
          ),
        );
      }
      case 'sync': {
        const { attempt, memberId, generation, members } = action;
        const shares = members === null ? [] : member.sharing.share(protocolV1, members, keys, () => {});
        return ask(member, machine, (answer) =>
          group.sync(nowMs, { memberId, generation, shares }, ({ errorCode, assignment }) =>
            answer(
              errorCode !== 0
                ? { type: 'syncRefused', attempt, errorCode }
                : { type: 'synced', attempt, keys: protocolV1.decodeAssignment(assignment) },
            ),
          ),
        );
      }
      case 'beat': {
        const { memberId, generation } = action;
        const sentAtMs = nowMs;
        return ask(member, machine, (answer) =>
          answer({
            ...{ type: 'beaten', memberId, generation, sentAtMs },
            errorCode: group.heartbeat(nowMs, memberId, generation),
          }),
        );
      }
      case 'leave':
        return ask(member, machine, (answer) => {
          group.leave(nowMs, action.memberId);
          answer({ type: 'left' });
        });
      case 'close':
        member.connection = 0;
        return;
      case 'assigned':
        for (const key of action.added) {
          const beginning = beginnings.get(key) ?? 0;
          beginnings.set(key, beginning + 1);
          const former = givenUp.get(key);
          if (action.follows === null || former?.generationId !== action.follows) continue;
          followed += 1;
          if (former.beginning !== beginning)
            violations.push(`${nowMs} ms: ${member.name} follows on ${key}, which was begun since`);
        }
        return;
      case 'revoke': {
        // Told when it has stopped; who is frozen meanwhile tells it when it wakes.
        const { keys: revoked, generationId } = action;
        const beginning = new Map(revoked.map((key) => [key, beginnings.get(key) ?? 0]));
        const tell = (): void => {
          if (member.frozenUntilMs > nowMs) return at(member.frozenUntilMs, tell);
          for (const key of revoked) givenUp.set(key, { generationId, beginning: beginning.get(key)! });
          deliver(member, machine, { type: 'released', keys: revoked });
        };
        return void after(upTo(800), tell);
      }
    }
  };

  const check = (): void => {
    const owners = new Map<string, string>();
    for (const { name, machine, frozenUntilMs, isDead, handingOver } of fleet) {
      if (isDead || frozenUntilMs >= nowMs) continue;
      for (const key of [...machine.holdings.active, ...handingOver]) {
        const other = owners.get(key);
        if (other !== undefined) violations.push(`${nowMs} ms: ${key} is worked on by ${other} and ${name}`);
        owners.set(key, name);
      }
    }
  };

  const begin = (member: SimMember): void => {
    member.machine = newMachine();
    member.sharing = new Sharing();
    member.isDead = false;
    member.connection = 0;
    member.handingOver.clear();
    deliver(member, member.machine, { type: 'start' });
  };
  const misfortune = (): void => {
    if (!isFaulty) return;
    const member = fleet[upTo(fleet.length)]!;
    const kind = upTo(5);
    if (kind === 0) {
      fault('frozen');
      member.frozenUntilMs = Math.max(member.frozenUntilMs, nowMs + upTo(15_000));
    } else if (kind === 1) {
      fault('killed');
      member.isDead = true;
      after(upTo(8_000), () => begin(member));
    } else if (kind === 2) {
      fault('stopped');
      deliver(member, member.machine, { type: 'stop' });
      after(3_000 + upTo(5_000), () => {
        if (member.machine.phase.name === 'Stopped') begin(member);
      });
    } else if (kind === 3) {
      if (isDown) return void after(1_000, misfortune);
      fault('coordinator restarted');
      isDown = true;
      for (const each of fleet) cut(each);
      after(upTo(4_000), () => {
        isDown = false;
        group.restart(nowMs);
      });
    } else {
      fault('cut');
      cut(member);
    }
    after(1_000 + upTo(12_000), misfortune);
  };
  const cut = (member: SimMember): void => {
    const { machine, connection } = member;
    const error = new LockstepError('CONNECTION_CLOSED', 'cut');
    deliver(member, machine, { type: 'failed', connection, error });
  };
  const tick = (): void => {
    if (!isDown) group.tick(nowMs);
    after(50, tick);
  };

  for (const member of fleet) after(upTo(3_000), () => begin(member));
  after(2_000, misfortune);
  after(50, tick);
  at(faultMs, () => {
    isFaulty = false;
  });
  at(faultMs + 20_000, () => {
    // Whoever was stopped and not yet started again.
    for (const member of fleet) if (member.isDead || member.machine.phase.name === 'Stopped') begin(member);
  });
  while (nowMs < faultMs + calmMs) {
    const { atMs, run } = queue.shift()!;
    nowMs = atMs;
    run();
  }
  const held = fleet.flatMap(({ machine }) => [...machine.holdings.active]);
  const isConverged =
    held.length === keys.length &&
    new Set(held).size === keys.length &&
    // Not `Stable`: the leader asks for the load anew now and then.
    fleet.every(({ machine }) => machine.heldGeneration >= 0) &&
    fleet.filter(({ machine }) => machine.isLeader).length === 1;
  const end = fleet
    .map(({ name, machine }) => `${name} ${machine.phase.name} ${machine.holdings.active.size}`)
    .join(', ');
  return { violations, isConverged, losses, rounds: group.rebalanceCount, faults, followed, end };
}
