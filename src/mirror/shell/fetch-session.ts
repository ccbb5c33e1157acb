// One incremental fetch session (KIP-227): the broker remembers which partitions we follow and from where, so a
// request names only what changed and an idle answer is a few bytes, however many partitions there are.
//
//   session id 0, epoch 0   a full request that asks for a session; the answer carries its id
//   id, epoch 1, 2, ...     changed partitions, and those to forget
//   on any session error    start again with a full request
//
// Broker side: FetchManager and FetchSession (kafka.server); epochs wrap from 2^31-1 to 1.
import { zeroUuid } from '../../protocol/index.ts';

/** From where a partition is to be fetched; an equal value means "as the session has it". */
export interface FetchPosition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly leaderEpoch: number;
  readonly lastFetchedEpoch: number;
}

/** What the next request carries. */
export interface SessionRequest {
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly changed: readonly FetchPosition[];
  readonly forgotten: readonly FetchPosition[];
}

const epochMax = 2 ** 31 - 1;

export class FetchSession {
  #id = 0;
  #epoch = 0;
  readonly #known = new Map<string, FetchPosition>();

  get id(): number {
    return this.#id;
  }

  /**
   * The next request for exactly `wanted`, by `fetchKey`; the session is taken to know them once it is sent.
   *
   * @param news keys that may be wanted otherwise than at the last call; default: all of them.
   */
  next(
    wanted: ReadonlyMap<string, { readonly position: FetchPosition }>,
    news?: ReadonlySet<string>,
  ): SessionRequest {
    const changed: FetchPosition[] = [];
    const forgotten: FetchPosition[] = [];
    const tell = (key: string, position: FetchPosition): void => {
      const known = this.#known.get(key);
      if (known === position) return;
      if (known === undefined || !isSame(known, position)) changed.push(position);
      this.#known.set(key, position);
    };
    const forget = (key: string, position: FetchPosition): void => {
      forgotten.push(position);
      this.#known.delete(key);
    };
    // Of a session that begins anew nothing is known, so that everything is news.
    if (news === undefined || this.#known.size === 0) {
      for (const [key, { position }] of wanted) tell(key, position);
      // All that is wanted is known now, so that only something forgotten makes it more.
      if (this.#known.size > wanted.size)
        this.#known.forEach((position, key) => {
          if (!wanted.has(key)) forget(key, position);
        });
    } else {
      for (const key of news) {
        const asked = wanted.get(key);
        const known = this.#known.get(key);
        if (asked !== undefined) tell(key, asked.position);
        else if (known !== undefined) forget(key, known);
      }
    }
    return {
      sessionId: this.#id,
      sessionEpoch: this.#epoch,
      changed,
      forgotten: this.#id === 0 ? [] : forgotten,
    };
  }

  /** After an answer without an error at its top. A broker without room for sessions answers id 0. */
  accept(sessionId: number): void {
    if (sessionId === 0) return this.reset();
    this.#id = sessionId;
    this.#epoch = this.#epoch === epochMax ? 1 : this.#epoch + 1;
  }

  /** After a session error, or on a new connection. */
  reset(): void {
    this.#id = 0;
    this.#epoch = 0;
    this.#known.clear();
  }
}

/** Names a partition the way fetch answers do: by topic id where brokers have one (2.8 and newer), else by name. */
export function fetchKey(log: { topic: string; topicId: string; partition: number }): string {
  return `${log.topicId === zeroUuid ? log.topic : log.topicId}/${log.partition}`;
}

function isSame(a: FetchPosition, b: FetchPosition): boolean {
  return (
    a.offset === b.offset && a.leaderEpoch === b.leaderEpoch && a.lastFetchedEpoch === b.lastFetchedEpoch
  );
}
