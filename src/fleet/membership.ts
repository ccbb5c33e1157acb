// A member of the fleet: the machine (machine.ts) on connections and a clock of its own.
import { type Clock, systemClock } from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import { elapsedClock } from '../mirror/index.ts';
import { CoordinatorLink, type CoordinatorLinkOptions } from './coordinator-link.ts';
import { MemberMachine } from './machine.ts';
import type { FleetProtocol } from './protocol.ts';
import { protocolV1 } from './protocol-v1.ts';
import { Sharing } from './sharing.ts';
import type { MemberAction, MemberEvent } from './state.ts';
import { itemOf, keyOf, type MembershipOptions, type MembershipStatus } from './types.ts';

type ActionOf<T extends MemberAction['type']> = Extract<MemberAction, { type: T }>;

/**
 * The group waits so many session timeouts for a member that is heard but does not join again: long enough for some
 * joins that get lost, since a member that is put out may hear of it only when its session ends.
 */
const rebalanceSessions = 3;
/** Longer timers than this are set anew, ms: setTimeout's limit, and clocks that were asleep. */
const timerMsMax = 60_000;

/** Membership in the fleet's group: who does what, and who leads. */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #clock: Clock;
  readonly #protocols: readonly FleetProtocol[];
  readonly #linkOptions: CoordinatorLinkOptions;
  readonly #machine: MemberMachine;
  readonly #sharing = new Sharing();
  readonly #events: MemberEvent[] = [];
  #isHandling = false;
  #link: CoordinatorLink | null = null;
  #connection = 0;
  #hasJoined = false;
  #cancelTimer: () => void = () => {};
  #started: PromiseWithResolvers<void> | null = null;
  #stopped: PromiseWithResolvers<void> | null = null;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#clock = options.clock ?? {
      nowMs: elapsedClock(systemClock, Date.now),
      after: systemClock.after,
    };
    this.#protocols = options.protocols ?? [protocolV1];
    const { cluster, groupId, sessionTimeoutMs = 10_000 } = options;
    const rebalanceTimeoutMs = sessionTimeoutMs * rebalanceSessions;
    this.#linkOptions = { cluster, groupId, sessionTimeoutMs, rebalanceTimeoutMs };
    this.#machine = new MemberMachine({
      cluster: cluster.name,
      groupId,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      heartbeatIntervalMs: options.heartbeatIntervalMs ?? 300,
      balanceIntervalMs: options.balanceIntervalMs ?? 300_000,
      random: options.random ?? Math.random,
    });
  }

  /**
   * Joins, and resolves with the first sharing out. From then on it goes on by itself, whatever happens.
   * @throws LockstepError what does not get better by itself: NOT_AUTHORIZED (READ on the group), KAFKA_ERROR
   *   (another application uses the group id; the session timeout is not allowed), what `Connection.open` throws.
   */
  start(): Promise<void> {
    if (this.#started !== null) throw new Error('start: this member has been started already');
    this.#started = Promise.withResolvers();
    this.#handle({ type: 'start' });
    return this.#started.promise;
  }

  /** Has everything stopped (`onRevoked`), then leaves the group, so that others have it at once. */
  stop(): Promise<void> {
    if (this.#machine.phase.name === 'Stopped') return Promise.resolve();
    this.#stopped ??= Promise.withResolvers();
    this.#handle({ type: 'stop' });
    return this.#stopped?.promise ?? Promise.resolve();
  }

  /** The work has changed: shared out anew soon, if this member leads. */
  workChanged(): void {
    this.#handle({ type: 'workChanged' });
  }

  status(): MembershipStatus {
    const {
      phase,
      memberId,
      heldGeneration,
      isLeader,
      memberCount,
      holdings,
      contactMs,
      lossCount,
      lastError,
    } = this.#machine;
    return {
      state: phase.name,
      memberId,
      generation: heldGeneration,
      isLeader,
      memberCount,
      ownedCount: holdings.active.size,
      releasingCount: holdings.releasing.size,
      heartbeatAgeMs: contactMs === null ? null : Math.round(this.#clock.nowMs() - contactMs),
      lossCount,
      lastError,
    };
  }

  /** Events are taken one after the other, also those that callbacks cause. */
  #handle(event: MemberEvent): void {
    this.#events.push(event);
    if (this.#isHandling) return;
    this.#isHandling = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift())
        for (const action of this.#machine.handle(next, this.#clock.nowMs())) this.#act(action);
    } finally {
      this.#isHandling = false;
    }
    this.#setTimer();
  }

  #setTimer(): void {
    this.#cancelTimer();
    const { wakeAtMs } = this.#machine;
    if (wakeAtMs === Number.POSITIVE_INFINITY) {
      this.#cancelTimer = () => {};
      return;
    }
    const delayMs = Math.min(timerMsMax, Math.max(0, Math.ceil(wakeAtMs - this.#clock.nowMs())));
    this.#cancelTimer = this.#clock.after(delayMs, () => this.#handle({ type: 'wake' }));
  }

  #act(action: MemberAction): void {
    const { onAssigned, onLeader, onNotice } = this.#options;
    switch (action.type) {
      case 'connect':
        return void this.#connect(action.connection);
      case 'join':
        return void this.#join(action);
      case 'sync':
        return void this.#sync(action);
      case 'beat':
        return void this.#beat(action);
      case 'leave':
        return void this.#leave(action);
      case 'close':
        return this.#close();
      case 'assigned': {
        const { added, all, generation, follows } = action;
        onAssigned({ added: added.map(itemOf), all: all.map(itemOf), generation, follows });
        this.#hasJoined = true;
        return this.#started?.resolve();
      }
      case 'revoke':
        return void this.#revoke(action);
      case 'leader':
        return onLeader(action.isLeader);
      case 'hopeless':
        return this.#giveUpStarting(action.error);
      case 'notice':
        return onNotice({ level: action.level, text: action.text });
    }
  }

  async #connect(connection: number): Promise<void> {
    this.#dropLink();
    this.#connection = connection;
    try {
      const link = await CoordinatorLink.open(this.#linkOptions);
      if (this.#connection !== connection) return link.close();
      this.#link = link;
      link.closed.then((error) => {
        if (error !== null) this.#handle({ type: 'failed', connection, error });
      });
      this.#handle({ type: 'connected', connection });
    } catch (error) {
      this.#handle({ type: 'failed', connection, error: asLockstepError(error) });
    }
  }

  async #join({ attempt, memberId }: ActionOf<'join'>): Promise<void> {
    await this.#ask(async (link) => {
      const view = this.#view();
      const protocols = this.#protocols.map((protocol) => ({
        name: protocol.name,
        metadata: protocol.encodeMember(view),
      }));
      const answer = await link.join(memberId, protocols);
      const { errorCode, generationId: generation, leader, protocolName, members } = answer;
      if (errorCode !== 0) return { type: 'joinRefused', attempt, errorCode, memberId: answer.memberId };
      return {
        type: 'joined',
        attempt,
        generation,
        memberId: answer.memberId,
        leaderId: leader,
        protocolName: protocolName ?? '',
        members,
      };
    });
  }

  async #sync(action: ActionOf<'sync'>): Promise<void> {
    const { attempt, members } = action;
    const protocol = this.#protocols.find(({ name }) => name === action.protocolName);
    await this.#ask(async (link) => {
      if (protocol === undefined)
        return { type: 'syncUnreadable', attempt, reason: `the group speaks ${action.protocolName}` };
      const shares =
        members === null
          ? []
          : this.#sharing.share(protocol, members, this.#options.work().map(keyOf), (text) =>
              this.#options.onNotice({ level: 'warning', text }),
            );
      const { errorCode, assignment } = await link.sync(action, shares);
      if (errorCode !== 0) return { type: 'syncRefused', attempt, errorCode };
      try {
        return { type: 'synced', attempt, keys: protocol.decodeAssignment(assignment) };
      } catch (error) {
        const reason = `the sharing out can't be read (${(error as Error).message})`;
        return { type: 'syncUnreadable', attempt, reason };
      }
    });
  }

  async #beat({ memberId, generation }: ActionOf<'beat'>): Promise<void> {
    const sentAtMs = this.#clock.nowMs();
    await this.#ask(async (link) => {
      const errorCode = await link.beat(memberId, generation);
      return { type: 'beaten', memberId, generation, sentAtMs, errorCode };
    });
  }

  async #leave({ memberId }: ActionOf<'leave'>): Promise<void> {
    await this.#ask(async (link) => {
      await link.leave(memberId);
      return { type: 'left' };
    });
  }

  /** A request to the coordinator; what comes of it is an event. */
  async #ask(request: (link: CoordinatorLink) => Promise<MemberEvent>): Promise<void> {
    const connection = this.#connection;
    const link = this.#link;
    if (link === null) return;
    let event: MemberEvent;
    try {
      event = await request(link);
    } catch (error) {
      event = { type: 'failed', connection, error: asLockstepError(error) };
    }
    this.#handle(event);
  }

  async #revoke({ keys, reason, generationId }: ActionOf<'revoke'>): Promise<void> {
    const { onRevoked, onNotice, releaseTimeoutMs = 30_000 } = this.#options;
    const timeout = Promise.withResolvers<never>();
    const cancel = this.#clock.after(releaseTimeoutMs, () =>
      timeout.reject(new Error(`not done after ${releaseTimeoutMs} ms`)),
    );
    try {
      await Promise.race([onRevoked(keys.map(itemOf), reason, generationId), timeout.promise]);
    } catch (error) {
      const text = `stopping ${keys.length} partitions: ${(error as Error).message}. They are handed over all the same; the logs keep two writers apart.`;
      onNotice({ level: 'warning', text });
    } finally {
      cancel();
    }
    this.#handle({ type: 'released', keys });
  }

  #view() {
    const { holdings, heldGeneration, isStopping } = this.#machine;
    return {
      agentId: this.#options.agentId,
      generation: heldGeneration,
      owned: [...holdings.active],
      releasing: [...holdings.releasing],
      isLeaving: isStopping,
      load: this.#options.load(),
    };
  }

  #giveUpStarting(error: LockstepError): void {
    if (this.#hasJoined) return;
    this.#started?.reject(error);
    this.#handle({ type: 'stop' });
  }

  #dropLink(): void {
    this.#connection = 0;
    this.#link?.close();
    this.#link = null;
  }

  #close(): void {
    this.#dropLink();
    this.#started?.reject(
      new LockstepError('CONNECTION_CLOSED', 'The member was stopped before it had joined.'),
    );
    this.#started = null;
    this.#hasJoined = false;
    this.#stopped?.resolve();
    this.#stopped = null;
  }
}

function asLockstepError(error: unknown): LockstepError {
  if (error instanceof LockstepError) return error;
  return new LockstepError('INTERNAL', `the group can't be spoken to: ${String(error)}`, { cause: error });
}
