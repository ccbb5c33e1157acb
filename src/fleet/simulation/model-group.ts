// The coordinator's side of a classic group, as Kafka 4.3.1 has it (GroupMetadataManager.java, ClassicGroup.java): for
// dynamic members of one protocol. What is written to the log is what a restart brings back.

export interface JoinReply {
  readonly errorCode: number;
  readonly memberId: string;
  readonly generation: number;
  readonly leaderId: string;
  readonly members: readonly { memberId: string; metadata: Buffer }[];
}
export interface SyncReply {
  readonly errorCode: number;
  readonly assignment: Buffer;
}
type Answer<T> = (reply: T) => void;

interface Member {
  metadata: Buffer;
  assignment: Buffer;
  sessionEndMs: number;
  join: Answer<JoinReply> | null;
  sync: Answer<SyncReply> | null;
}

const nothing = Buffer.alloc(0);

export class ModelGroup {
  state: 'Empty' | 'Preparing' | 'Completing' | 'Stable' = 'Empty';
  generation = 0;
  rebalanceCount = 0;
  readonly members = new Map<string, Member>();
  readonly #sessionTimeoutMs: number;
  readonly #rebalanceTimeoutMs: number;
  readonly #pending = new Set<string>();
  #leaderId = '';
  #joinEndMs = 0;
  #nextId = 1;
  #written: { generation: number; leaderId: string; members: [string, Member][] } = {
    ...{ generation: 0, leaderId: '', members: [] },
  };

  constructor(options: { sessionTimeoutMs: number; rebalanceTimeoutMs: number }) {
    this.#sessionTimeoutMs = options.sessionTimeoutMs;
    this.#rebalanceTimeoutMs = options.rebalanceTimeoutMs;
  }

  join(nowMs: number, memberId: string, metadata: Buffer, answer: Answer<JoinReply>): void {
    if (memberId === '') {
      const given = `m${this.#nextId++}`;
      this.#pending.add(given);
      return answer({ ...refusal(79), memberId: given });
    }
    const isNew = this.#pending.delete(memberId);
    if (isNew)
      this.members.set(memberId, { metadata, assignment: nothing, sessionEndMs: 0, join: null, sync: null });
    const member = this.members.get(memberId);
    if (member === undefined) return answer(refusal(25));
    const isSame = !isNew && member.metadata.equals(metadata);
    const isCurrent =
      isSame && (this.state === 'Completing' || (this.state === 'Stable' && memberId !== this.#leaderId));
    if (isCurrent) return answer(this.#joinReply(memberId));
    member.metadata = metadata;
    member.join = answer;
    if (this.state !== 'Preparing') this.#prepare(nowMs);
    this.#completeIfAll(nowMs);
  }

  sync(
    nowMs: number,
    request: {
      memberId: string;
      generation: number;
      shares: readonly { memberId: string; assignment: Buffer }[];
    },
    answer: Answer<SyncReply>,
  ): void {
    const { memberId, generation, shares } = request;
    const member = this.members.get(memberId);
    const errorCode = this.#check(memberId, generation);
    if (member === undefined || errorCode !== 0) return answer({ errorCode, assignment: nothing });
    if (this.state === 'Preparing') return answer({ errorCode: 27, assignment: nothing });
    if (this.state === 'Stable') return answer({ errorCode: 0, assignment: member.assignment });
    member.sync = answer;
    if (memberId !== this.#leaderId) return;
    for (const share of shares) {
      const of = this.members.get(share.memberId);
      if (of !== undefined) of.assignment = share.assignment;
    }
    this.state = 'Stable';
    this.#write();
    for (const each of this.members.values()) {
      each.sync?.({ errorCode: 0, assignment: each.assignment });
      each.sync = null;
      each.sessionEndMs = nowMs + this.#sessionTimeoutMs;
    }
  }

  /** The error code. */
  heartbeat(nowMs: number, memberId: string, generation: number): number {
    const errorCode = this.#check(memberId, generation);
    if (errorCode !== 0) return errorCode;
    this.members.get(memberId)!.sessionEndMs = nowMs + this.#sessionTimeoutMs;
    return this.state === 'Preparing' ? 27 : 0;
  }

  leave(nowMs: number, memberId: string): void {
    this.#pending.delete(memberId);
    this.#remove(nowMs, memberId);
  }

  /** Sessions that have ended, joins that have waited long enough. */
  tick(nowMs: number): void {
    for (const [memberId, { sessionEndMs, join, sync }] of [...this.members])
      if (join === null && sync === null && sessionEndMs <= nowMs) this.#remove(nowMs, memberId);
    if (this.state === 'Preparing' && nowMs >= this.#joinEndMs) this.#complete(nowMs);
  }

  /** Another broker takes over, or this one comes back: what was written is there, requests that waited are gone. */
  restart(nowMs: number): void {
    this.members.clear();
    this.#pending.clear();
    this.generation = this.#written.generation;
    this.#leaderId = this.#written.leaderId;
    for (const [memberId, member] of this.#written.members)
      this.members.set(memberId, { ...member, sessionEndMs: nowMs + this.#sessionTimeoutMs });
    this.state = this.members.size === 0 ? 'Empty' : 'Stable';
  }

  #check(memberId: string, generation: number): number {
    if (!this.members.has(memberId)) return 25;
    return generation === this.generation ? 0 : 22;
  }

  #prepare(nowMs: number): void {
    for (const member of this.members.values()) {
      member.sync?.({ errorCode: 27, assignment: nothing });
      member.sync = null;
    }
    this.state = 'Preparing';
    this.rebalanceCount += 1;
    this.#joinEndMs = nowMs + this.#rebalanceTimeoutMs;
  }

  #completeIfAll(nowMs: number): void {
    if (this.state !== 'Preparing') return;
    if ([...this.members.values()].every(({ join }) => join !== null)) this.#complete(nowMs);
  }

  #complete(nowMs: number): void {
    for (const [memberId, { join }] of [...this.members]) if (join === null) this.members.delete(memberId);
    this.generation += 1;
    if (this.members.size === 0) {
      this.state = 'Empty';
      return this.#write();
    }
    this.state = 'Completing';
    if (!this.members.has(this.#leaderId)) this.#leaderId = [...this.members.keys()][0]!;
    for (const [memberId, member] of this.members) {
      const answer = member.join!;
      member.join = null;
      member.assignment = nothing;
      member.sessionEndMs = nowMs + this.#sessionTimeoutMs;
      answer(this.#joinReply(memberId));
    }
  }

  #joinReply(memberId: string): JoinReply {
    const members =
      memberId === this.#leaderId
        ? [...this.members].map(([id, { metadata }]) => ({ memberId: id, metadata }))
        : [];
    return { errorCode: 0, memberId, generation: this.generation, leaderId: this.#leaderId, members };
  }

  #remove(nowMs: number, memberId: string): void {
    const member = this.members.get(memberId);
    if (member === undefined) return;
    this.members.delete(memberId);
    member.join?.(refusal(25));
    member.sync?.({ errorCode: 25, assignment: nothing });
    if (this.state !== 'Preparing') this.#prepare(nowMs);
    this.#completeIfAll(nowMs);
  }

  #write(): void {
    const members = [...this.members].map(([id, member]): [string, Member] => [
      id,
      { ...member, join: null, sync: null },
    ]);
    this.#written = { generation: this.generation, leaderId: this.#leaderId, members };
  }
}

function refusal(errorCode: number): JoinReply {
  return { errorCode, memberId: '', generation: -1, leaderId: '', members: [] };
}
