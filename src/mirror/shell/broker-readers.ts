// All that is read of one source broker: one reader with a connection of its own, or several where that carries more
// (fetch-lanes.ts decides it). To partitions they are one: each is read by exactly one lane at a time.
//
//   connection 0 ── lane 0/0, lane 0/1      a lane is a SourceReader with a fetch session of its own; another one of a
//   connection 1 ── lane 1/0, lane 1/1      connection has its request under way while the first one's answer comes
//
// A partition changes lanes when no answer for it is under way, so that none is lost, none comes late, and nothing is read
// twice. The new lane's connection is open by then: a source that goes away meanwhile breaks one of the two, and the
// partition is told.
//
// Where a broker does not open a lane's connection again, the others read what that one had (given-up-connections.ts).
//
// Where hundreds are quiet, those share a few lanes (wide-lanes.ts), and partitions that bring records all the time have one
// of their own (active-lane.ts):
//
//   connection 0 ── lane 0/0           a part of those that are quiet
//   connection 1 ── lane 1/0           another part
//   another one  ── the active lane    those that are not
import { ActiveLane } from './active-lane.ts';
import { ConnectionSlot } from './connection-slot.ts';
import { type FetchConnections, FetchLanes, type LanePlan, levelled, roundTripMsMin } from './fetch-lanes.ts';
import type { FetchTarget } from './fetch-target.ts';
import { GivenUpConnections } from './given-up-connections.ts';
import { behindIn, type Lane, type LaneOptions } from './lane.ts';
import { SourceReader } from './source-reader.ts';
import type { ReaderPace, SourceReaderOptions } from './source-reader-options.ts';
import { evened, wideGapMs, wideLaneCount, wideWaitMs } from './wide-lanes.ts';

export interface BrokerReadersOptions extends Omit<SourceReaderOptions, 'connection' | 'pace' | 'onRecords'> {
  readonly connections: FetchConnections;
}

/** What partitions need of it. */
export interface PartitionReader {
  /** `key`: the `fetchKey` of all its positions. */
  add(key: string, target: FetchTarget): void;
  remove(key: string): void;
  /** The target of this key wants something else, such as data again. */
  wake(key: string): void;
  /** When the newest answer came that was about this key, ms since the epoch; null before the first of its reader. */
  answeredAtMs(key: string): number | null;
}

/** How often it is looked at what was carried, ms. */
const lookEveryMs = 1_000;
/** A second fetch on a connection keeps the first one's answer waiting so long at most, ms. */
const sharedWaitMs = 10;
/** So short a wait for more than that many takes a broker a core and more, since it looks at all of them each time. */
const sharedPartitionsMax = 500;
/** A broker may allow no more connections where a reader has trouble again and again. */
const troublesMax = 2;
const answerBytesMin = 256 * 1024;
/** Frames come in powers of two; what is in front of the records has to fit, too. */
const frameSpareBytes = 64 * 1024;

export class BrokerReaders implements PartitionReader {
  readonly #options: BrokerReadersOptions;
  readonly #decide: FetchLanes;
  /** By connection and number on it, `0/0`. */
  readonly #lanes = new Map<string, Lane>();
  readonly #slots = new Map<number, ConnectionSlot>();
  readonly #givenUp = new GivenUpConnections();
  readonly #laneOf = new Map<string, Lane>();
  /** Partitions that change lanes, and where they go. */
  readonly #moving = new Map<string, Lane>();
  readonly #active: ActiveLane;
  /** Lanes that wait for their connection. */
  readonly #opening = new Set<string>();
  #plan: LanePlan;
  /** As many there are because of how many partitions there are. */
  #wideLanes = 1;
  #lookedAtMs = performance.now();
  #formerReadBytes = 0;
  #shortestTripMs = Number.POSITIVE_INFINITY;
  #isClosed = false;
  readonly #timer: NodeJS.Timeout;

  constructor(options: BrokerReadersOptions) {
    this.#options = options;
    this.#decide = new FetchLanes(options.connections);
    this.#plan = { connections: 1, depth: 1 };
    this.#active = new ActiveLane({
      ...options,
      newLane: (of) => this.#newLane(of),
      move: (key, to) => this.#move(key, to ?? this.#emptiest()),
      isClosed: () => this.#isClosed,
    });
    const slot = this.#slot(0);
    this.#lanes.set('0/0', this.#newLane({ slot, pace: this.#pace({ lanes: 1, behind: 0 }) }));
    this.#timer = setInterval(() => this.#look(), lookEveryMs);
  }

  /** Newest answer of all lanes. */
  get heardAtMs(): number | null {
    return Math.max(0, ...this.#readers().map(({ answeredAtMs }) => answeredAtMs ?? 0)) || null;
  }

  answeredAtMs(key: string): number | null {
    return this.#laneOf.get(key)?.reader.heardAtMs(key) ?? null;
  }

  add(key: string, target: FetchTarget): void {
    const lane = this.#emptiest();
    this.#laneOf.set(key, lane);
    lane.keys.set(key, target);
    lane.reader.add(key, target);
  }

  remove(key: string): void {
    this.#active.forget(key);
    const lane = this.#laneOf.get(key);
    this.#laneOf.delete(key);
    this.#moving.delete(key);
    lane?.keys.delete(key);
    lane?.reader.remove(key);
  }

  wake(key: string): void {
    this.#laneOf.get(key)?.reader.wake(key);
  }

  /** Whoever waits for a wake-up that was lost is looked at again. */
  ring(): void {
    for (const reader of this.#readers()) reader.ring();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#laneOf.clear();
    await Promise.all(this.#readers().map((reader) => reader.close()));
    for (const slot of this.#slots.values()) slot.close();
    this.#active.lane?.slot.close();
  }

  #readers(): SourceReader[] {
    const { lane } = this.#active;
    return [...this.#lanes.values(), ...(lane === null ? [] : [lane])].map(({ reader }) => reader);
  }

  #look(): void {
    const roundTripMs = this.#roundTripMs();
    const nowMs = performance.now();
    const passedMs = nowMs - this.#lookedAtMs;
    this.#lookedAtMs = nowMs;
    if (this.#options.connections === 'auto')
      this.#wideLanes = wideLaneCount(this.#laneOf.size, this.#wideLanes);
    this.#active.look(nowMs, { isFar: roundTripMs >= roundTripMsMin });
    let behindCount = 0;
    let waitedMs = 0;
    let lanesBehind = 0;
    for (const lane of this.#lanes.values()) {
      const { waitedMs: total } = lane.reader;
      const behind = this.#mayHaveLanes(roundTripMs) ? behindIn(lane) : 0;
      behindCount += behind;
      if (behind > 0) {
        lanesBehind += 1;
        waitedMs += total - lane.waitedMs;
      }
      lane.waitedMs = total;
    }
    if (!this.#mayHaveLanes(roundTripMs)) return this.#follow({ connections: 1, depth: 1 }, behindCount);
    const plan = this.#decide.next({
      ...{ nowMs, behindCount, roundTripMs },
      readBytes: this.#readBytes(),
      waitingShare: lanesBehind === 0 ? 0 : waitedMs / lanesBehind / passedMs,
      isSettled: this.#moving.size === 0 && this.#opening.size === 0,
    });
    this.#follow(plan, behindCount);
  }

  #mayHaveLanes(roundTripMs: number): boolean {
    const { connections } = this.#options;
    return connections !== 'auto' || this.#lanes.size > this.#wideLanes || roundTripMs >= roundTripMsMin;
  }

  #roundTripMs(): number {
    const { lane } = this.#active;
    for (const { roundTripMs } of [...this.#slots.values(), ...(lane === null ? [] : [lane.slot])])
      this.#shortestTripMs = Math.min(this.#shortestTripMs, roundTripMs);
    return Number.isFinite(this.#shortestTripMs) ? this.#shortestTripMs : 0;
  }

  #readBytes(): number {
    let bytes = this.#formerReadBytes;
    for (const slot of this.#slots.values()) bytes += slot.readBytes;
    return bytes;
  }

  #follow({ connections, depth }: LanePlan, behindCount: number): void {
    this.#plan = {
      connections: Math.max(connections, this.#wideLanes),
      depth: this.#laneOf.size > sharedPartitionsMax ? 1 : depth,
    };
    const wanted = new Set(this.#wantedNames());
    for (const name of wanted) if (!this.#lanes.has(name)) void this.#openLane(name);
    const isLeft = [...this.#lanes.keys()].some((name) => !wanted.has(name));
    if (behindCount > 0 || isLeft) this.#share();
    else this.#spread();
  }

  /** Where it does not count who catches up, lanes get as many each. */
  #spread(): void {
    const lanes = [...this.#lanes.values()];
    for (const { paced } of lanes) paced.pace = this.#pace({ lanes: lanes.length, behind: 0 });
    if (this.#moving.size > 0 || this.#opening.size > 0) return;
    for (const { from, to, count } of evened(lanes.map(({ keys }) => keys.size)))
      for (const key of [...lanes[from]!.keys.keys()].slice(-count)) this.#move(key, lanes[to]!);
  }

  #wantedNames(): string[] {
    const { connections, depth } = this.#plan;
    const numbers = this.#givenUp.left(connections, performance.now());
    return Array.from({ length: depth }, (_, index) =>
      numbers.map((connection) => nameOf(connection, index)),
    ).flat();
  }

  /** Partitions move so that lanes have alike much to do; those that have nothing left and are not wanted any more end. */
  #share(): void {
    const wanted = new Set(this.#wantedNames());
    const lanes = [...this.#lanes];
    // A lane that waits for its connection still counts by its neighbours: those that are there share everything.
    const staying = lanes.filter(([name]) => wanted.has(name));
    const [first] = lanes;
    if (lanes.length === 1 && staying.length === 1) {
      // Nothing to share out, each second, of what may be ten thousand partitions.
      first![1].paced.pace = this.#pace({ lanes: 1, behind: behindIn(first![1]) });
      return;
    }
    const placed = new Map<Lane, string[]>(lanes.map(([, lane]) => [lane, []]));
    for (const [key, lane] of this.#laneOf) placed.get(this.#moving.get(key) ?? lane)?.push(key);
    const loads = lanes.map(([name, lane]) => {
      const keys = placed.get(lane)!;
      const behind = keys.filter((key) => this.#laneOf.get(key)?.keys.get(key)?.isLive === false);
      return { keys, behind, isLeaving: !wanted.has(name) };
    });
    const counts = loads.map(({ behind }) => new Set(behind));
    for (const { key, to } of levelled(loads)) {
      const catchesUp = counts.some((keys) => keys.delete(key));
      if (catchesUp) counts[to]!.add(key);
      this.#move(key, lanes[to]![1]);
    }
    for (const [index, [, { paced }]] of lanes.entries())
      paced.pace = this.#pace({ lanes: staying.length, behind: counts[index]!.size });
    for (const [name, lane] of lanes)
      if (!wanted.has(name) && lane.keys.size === 0 && this.#lanes.size > 1) void this.#endLane(name, lane);
  }

  #move(key: string, to: Lane): void {
    const isUnderWay = this.#moving.has(key);
    const from = this.#laneOf.get(key);
    if (from === undefined || (from === to && !isUnderWay)) return;
    this.#moving.set(key, to);
    if (isUnderWay) return;
    from.reader.handOver(key, (target) => {
      // It may have been sent elsewhere meanwhile, or back again.
      const lane = this.#moving.get(key) ?? from;
      this.#moving.delete(key);
      from.keys.delete(key);
      this.#laneOf.set(key, lane);
      lane.keys.set(key, target);
      lane.reader.takeOver(key, target);
    });
  }

  async #openLane(name: string): Promise<void> {
    if (this.#opening.has(name)) return;
    this.#opening.add(name);
    const number = Number(name.split('/')[0]);
    const slot = this.#slot(number);
    try {
      const connection = await slot.get();
      if (this.#isClosed) return slot.close();
      this.#givenUp.opened(number);
      const pace = this.#pace({ lanes: this.#lanes.size + 1, behind: 0 });
      this.#lanes.set(name, this.#newLane({ slot, pace, connection }));
      this.#opening.delete(name);
      this.#share();
    } catch {
      // The lanes that are there go on.
      this.#doWithout(slot);
    } finally {
      this.#opening.delete(name);
    }
  }

  #newLane({ slot, pace, connection }: LaneOptions): Lane {
    // A reader begins while it is made.
    const paced = { pace };
    const reader = new SourceReader({
      ...this.#options,
      open: () => slot.get(),
      ...(connection && { connection }),
      pace: () => paced.pace,
      onRecords: (key) => this.#onRecords(key),
      onAnswered: (tookMs) => {
        slot.noteAnswer(tookMs);
        this.#options.onAnswered?.(tookMs);
      },
      onTrouble: (error, attempt) => {
        if (attempt >= troublesMax) {
          this.#doWithout(slot);
          this.#active.doWithout();
        }
        return this.#options.onTrouble(error, attempt);
      },
    });
    return { slot, reader, paced, keys: new Map(), waitedMs: 0 };
  }

  async #endLane(name: string, { slot, reader }: Lane): Promise<void> {
    this.#lanes.delete(name);
    await reader.retire();
    if ([...this.#lanes.values()].some((lane) => lane.slot === slot) || this.#isClosed) return;
    const number = this.#numberOf(slot);
    if (number === undefined || [...this.#opening].some((opening) => opening.startsWith(`${number}/`)))
      return;
    this.#slots.delete(number);
    this.#formerReadBytes += slot.readBytes;
    slot.close();
  }

  #numberOf(slot: ConnectionSlot): number | undefined {
    return [...this.#slots].find(([, known]) => known === slot)?.[0];
  }

  /** Its partitions go to lanes whose connections are open; where none is, the source is away, and it is tried on. */
  #doWithout(slot: ConnectionSlot): void {
    const number = this.#numberOf(slot);
    const isOtherOpen = [...this.#lanes.values()].some((lane) => lane.slot !== slot && lane.slot.isOpen);
    if (number === undefined || !slot.isRefused || !isOtherOpen) return;
    this.#givenUp.giveUp(number, performance.now());
    this.#share();
  }

  #onRecords(key: string): void {
    // Several lanes are there for a backlog.
    if (this.#options.connections !== 'auto' || this.#lanes.size > this.#wideLanes) return;
    if (this.#laneOf.get(key)?.keys.get(key)?.isLive !== true) return;
    this.#active.noted(key, this.#laneOf.size);
  }

  #slot(number: number): ConnectionSlot {
    let slot = this.#slots.get(number);
    if (slot === undefined) {
      slot = new ConnectionSlot(this.#options.open);
      this.#slots.set(number, slot);
    }
    return slot;
  }

  #emptiest(): Lane {
    const wanted = new Set(this.#wantedNames());
    let best: Lane | null = null;
    for (const [name, lane] of this.#lanes) {
      if (wanted.has(name) && (best === null || lane.keys.size < best.keys.size)) best = lane;
    }
    return best ?? this.#lanes.values().next().value!;
  }

  /**
   * Alone, a lane fetches as the link says. Several share the memory. Far away, a partition that its lane has alone may
   * fill the answer: between two small ones a round trip goes by with nothing on the way, and the batch that is cut off at
   * the end of each comes twice.
   */
  #pace({ lanes, behind }: { lanes: number; behind: number }): ReaderPace {
    const { fetchResponseBytesMax, fetchBytesMax, fetchWaitMsMax, budget } = this.#options;
    const share = Math.max(answerBytesMin, budget.bytesMax / lanes);
    const answerBytesMax =
      lanes === 1
        ? fetchResponseBytesMax
        : Math.min(fetchResponseBytesMax, 2 ** Math.floor(Math.log2(share)) - frameSpareBytes);
    const isAlone = behind === 1 && this.#roundTripMs() >= roundTripMsMin;
    return {
      answerBytesMax,
      partitionBytesMax: isAlone ? Math.max(fetchBytesMax, answerBytesMax) : fetchBytesMax,
      waitMsMax:
        this.#plan.depth > 1
          ? Math.min(sharedWaitMs, fetchWaitMsMax)
          : Math.max(fetchWaitMsMax, wideWaitMs(this.#laneOf.size)),
      ...(this.#wideLanes > 1 && { gapMsMin: wideGapMs(this.#laneOf.size) }),
    };
  }
}

function nameOf(connection: number, number: number): string {
  return `${connection}/${number}`;
}
