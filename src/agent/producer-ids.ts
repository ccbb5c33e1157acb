// Keeps the producer ids of a link's two clusters apart.
//
// Both clusters hand out producer ids from 0. A producer that moves to the destination with the id it got at the source
// meets there, on a partition that another producer with the same id, epoch and sequence has written to, a broker that
// takes its records for a repetition: it answers "no error" and drops them. So the ids of the destination are used up
// until every broker there is far above whatever the source has given, and this is kept so while the source's grow.
//
// Kafka gives an id to whoever asks (InitProducerId without a transactional id) and keeps nothing of it but the block of
// 1,000 ids that the broker has begun: one small record of the metadata log for each thousand. A broker gives its ids in
// rising order, and a broker that begins anew takes a block above all others: so one id of each broker of the source
// bounds what was given there, and one of each broker of the destination what will be given here.
import { allocateProducerId, type Clock, type Cluster, sleep } from '../client/index.ts';
import { type LinkRecord, type RolesRecord, recordVersion, rolesOfLink } from '../control/index.ts';
import { type ProducerIdsRecord, producerIdsPrefix } from '../control/producer-ids-record.ts';
import { LockstepError } from '../errors.ts';
import type { Notice } from '../link/index.ts';
import type { KeeperStore } from '../link/keeper-store.ts';
import { formatCount } from '../units.ts';

export interface ProducerIdsOptions {
  readonly link: Pick<LinkRecord, 'name' | 'source'>;
  readonly source: Cluster;
  readonly destination: Cluster;
  keeperStore(prefix: string): KeeperStore;
  roles(): ReadonlyMap<string, RolesRecord>;
  readonly onNotice: (notice: Notice) => void;
  readonly clock: Clock;
  /** How far ids are to be apart. Default 1,000,000. */
  readonly wantedAhead?: number;
  /** How often the source is asked, ms. Default 1 min. */
  readonly everyMs?: number;
  /** Ids used up at the destination in a second, over all its brokers. Default 1,000: one block. */
  readonly idsPerSecond?: number;
}

const burstMs = 1_000;
/** Requests under way at one broker: a burst is over in a fraction of a second, and the broker has time for others. */
const lanesPerBroker = 4;
/** While ids are used up the state is told so often, ms. */
const tellMs = 5_000;
const requestMsMax = 10_000;

export class ProducerIdKeeper {
  readonly #options: ProducerIdsOptions;
  readonly #wantedAhead: number;
  readonly #everyMs: number;
  readonly #idsPerSecond: number;
  readonly #stopping = new AbortController();
  /** The highest id that the source is known to have given. */
  #highest = -1n;
  /** The id that each broker of the destination gave last. */
  #given = new Map<number, bigint>();
  #told: ProducerIdsRecord | null = null;
  #problem: string | null = null;

  constructor(options: ProducerIdsOptions) {
    this.#options = options;
    this.#wantedAhead = options.wantedAhead ?? 1_000_000;
    this.#everyMs = options.everyMs ?? 60_000;
    this.#idsPerSecond = options.idsPerSecond ?? 1_000;
  }

  start(): void {
    void this.#run();
  }

  /** Nothing is told any more. What is under way at a cluster that hangs is not waited for: it changes nothing of ours. */
  async stop(): Promise<void> {
    this.#stopping.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { clock } = this.#options;
    while (!signal.aborted) {
      const untilMs = clock.nowMs() + this.#everyMs;
      try {
        if (this.#isOurs()) await this.#separate(untilMs);
        else await this.#tell({ state: 'standsBy', ahead: null, error: null });
        this.#problem = null;
      } catch (error) {
        if (!(error instanceof LockstepError)) throw error;
        if (!signal.aborted) await this.#complain(error.message);
      }
      await sleep(clock, Math.max(burstMs, untilMs - clock.nowMs()), signal).catch(() => {});
    }
  }

  /**
   * Of two opposite links each would raise its own destination above the other's, for ever: only the one that comes from
   * the group's primary does.
   */
  #isOurs(): boolean {
    const { link, roles } = this.#options;
    const group = rolesOfLink(roles(), link.name);
    return group === undefined || group.primary.region === link.source.name;
  }

  /** 1. What the source has given. 2. What each broker here gives. 3. Bursts, until all are far enough above. */
  async #separate(untilMs: number): Promise<void> {
    const { source, destination, clock } = this.#options;
    const { signal } = this.#stopping;
    // A broker that is gone has given what it gave.
    this.#highest = highestOf([this.#highest, ...(await this.#idsOf(source)).values()]);
    this.#given = await this.#idsOf(destination);
    const target = this.#highest + BigInt(this.#wantedAhead);
    let toldAtMs = clock.nowMs();
    await this.#tellAhead();
    while (lowestOf(this.#given) < target && clock.nowMs() < untilMs && !signal.aborted) {
      await this.#burst(target);
      if (clock.nowMs() - toldAtMs >= tellMs) {
        toldAtMs = clock.nowMs();
        await this.#tellAhead();
      }
      await sleep(clock, burstMs, signal).catch(() => {});
    }
    await this.#tellAhead();
  }

  /** One id of each broker; the metadata is looked at anew, since a broker may be new. */
  async #idsOf(cluster: Cluster): Promise<Map<number, bigint>> {
    await cluster.refreshMetadata([]);
    if (cluster.brokers.length === 0)
      throw new LockstepError('CLUSTER_UNREACHABLE', `cluster ${cluster.name}: it names no brokers`);
    const ids = await Promise.all(
      cluster.brokers.map(async ({ id: brokerId }) => {
        const { producerId } = await allocateProducerId(cluster, { brokerId, timeoutMs: requestMsMax });
        return [brokerId, producerId] as const;
      }),
    );
    return new Map(ids);
  }

  /** At most so many ids in all; brokers that are far enough are left alone. */
  async #burst(target: bigint): Promise<void> {
    const low = [...this.#given].filter(([, id]) => id < target).map(([brokerId]) => brokerId);
    const share = Math.ceil(this.#idsPerSecond / low.length);
    await Promise.all(low.map((brokerId) => this.#useUp(brokerId, share, target)));
  }

  async #useUp(brokerId: number, count: number, target: bigint): Promise<void> {
    const { destination } = this.#options;
    let left = count;
    const lane = async (): Promise<void> => {
      while (left > 0 && !this.#stopping.signal.aborted && this.#given.get(brokerId)! < target) {
        left--;
        const { producerId } = await allocateProducerId(destination, { brokerId, timeoutMs: requestMsMax });
        if (producerId > this.#given.get(brokerId)!) this.#given.set(brokerId, producerId);
      }
    };
    await Promise.all(Array.from({ length: lanesPerBroker }, lane));
  }

  #tellAhead(): Promise<void> {
    const ahead = Number(lowestOf(this.#given) - this.#highest);
    return this.#tell({ state: ahead >= this.#wantedAhead ? 'apart' : 'growing', ahead, error: null });
  }

  async #complain(message: string): Promise<void> {
    if (this.#problem !== message)
      this.#options.onNotice({
        atMs: Date.now(),
        level: 'warning',
        text: `producer ids of link ${this.#options.link.name} are not kept apart: ${message}`,
      });
    this.#problem = message;
    await this.#tell({ state: 'unknown', ahead: this.#told?.ahead ?? null, error: message });
  }

  async #tell(news: Pick<ProducerIdsRecord, 'state' | 'ahead' | 'error'>): Promise<void> {
    const told = this.#told;
    if (told !== null && told.state === news.state && told.ahead === news.ahead && told.error === news.error)
      return;
    const record: ProducerIdsRecord = {
      ...{ v: recordVersion, ...news, wantedAhead: this.#wantedAhead, idsPerSecond: this.#idsPerSecond },
      atMs: Date.now(),
    };
    if (news.state === 'apart' && told?.state === 'growing')
      this.#options.onNotice({
        atMs: record.atMs,
        level: 'info',
        text: `producer ids of link ${this.#options.link.name} are ${formatCount(news.ahead ?? 0)} apart`,
      });
    this.#told = record;
    if (this.#stopping.signal.aborted) return;
    try {
      await this.#options.keeperStore(producerIdsPrefix).put(new Map([[this.#options.link.name, record]]));
    } catch (error) {
      // Another one leads, who tells it.
      if (!(error instanceof LockstepError)) throw error;
    }
  }
}

function highestOf(ids: readonly bigint[]): bigint {
  return ids.reduce((a, b) => (a > b ? a : b));
}

function lowestOf(ids: ReadonlyMap<number, bigint>): bigint {
  return [...ids.values()].reduce((a, b) => (a < b ? a : b));
}
