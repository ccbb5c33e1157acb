// The flows that a fleet was told of (src/control/flows.ts), read once for all its links, and whether a topic of one of
// them would come back.

import { type FlowRecord, flowPrefix, toldFlows } from '../control/flows.ts';
import type { ControlTopic } from '../control/index.ts';
import type { TopicHold } from '../link/index.ts';
import { isIdOfLink } from '../mirror/index.ts';
import { drawn, isSameCluster, type LinkFlow, returnOf } from '../topology/index.ts';

/** Flows grow old without being told of. */
const readAgainMs = 60_000;

/** One for each control topic. */
export class FlowBook {
  static readonly #books = new WeakMap<ControlTopic, FlowBook>();
  readonly #control: ControlTopic;
  readonly #listeners = new Set<() => void>();
  #flows: readonly FlowRecord[] = [];
  #signature = '';
  #readAtMs = Number.NEGATIVE_INFINITY;

  static of(control: ControlTopic): FlowBook {
    let book = FlowBook.#books.get(control);
    if (book === undefined) {
      book = new FlowBook(control);
      FlowBook.#books.set(control, book);
    }
    return book;
  }

  private constructor(control: ControlTopic) {
    this.#control = control;
    control.onChange((changes) => {
      if (!changes.some(({ key }) => key.startsWith(flowPrefix))) return;
      const before = this.#flows;
      this.#readAtMs = Number.NEGATIVE_INFINITY;
      if (this.flows !== before) for (const listener of this.#listeners) listener();
    });
  }

  /** The same array until a flow comes, goes or changes. */
  get flows(): readonly FlowRecord[] {
    const nowMs = Date.now();
    if (nowMs - this.#readAtMs < readAgainMs) return this.#flows;
    this.#readAtMs = nowMs;
    const flows = toldFlows(this.#control.state, nowMs);
    const signature = JSON.stringify(flows.map(({ atMs: _, hops: __, ...flow }) => flow));
    if (signature !== this.#signature) {
      this.#signature = signature;
      this.#flows = flows;
    }
    return this.#flows;
  }

  /** @returns a function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Remembers of one link which of its topics would come back. */
export class LoopWatch {
  readonly #book: FlowBook;
  readonly #holds = new Map<string, TopicHold | null>();
  #flows: readonly FlowRecord[] = [];
  #own: LinkFlow | null = null;

  constructor(book: FlowBook) {
    this.#book = book;
  }

  /**
   * Why nothing of this topic of the source may be copied; null: no flow that is known would bring it back.
   * @param own the same object while the link is the same
   */
  holdOf(own: LinkFlow, topic: string): TopicHold | null {
    const { flows } = this.#book;
    if (flows !== this.#flows || own !== this.#own) {
      this.#flows = flows;
      this.#own = own;
      this.#holds.clear();
    }
    let hold = this.#holds.get(topic);
    if (hold === undefined) {
      hold = holdFor(own, topic, flows);
      this.#holds.set(topic, hold);
    }
    return hold;
  }
}

function holdFor(own: LinkFlow, topic: string, flows: readonly FlowRecord[]): TopicHold | null {
  const others = flows.filter(
    ({ link, destination }) => link !== own.link || !isSameCluster(destination, own.destination),
  );
  const way = others.length === 0 ? null : returnOf(own, topic, others);
  if (way === null) return null;
  const links = [...new Set(way.flatMap(({ link }) => link ?? []))];
  return {
    state: 'LoopDetected',
    reason: `its records would come back to ${own.destination.name}: ${drawn(way)} (links ${links.join(', ')}); leave the mirrors out of one of them: lockstep links alter LINK --exclude-topics ..., or delete one`,
  };
}

/** The link that writes under a producer id, where its flow was told; null: nobody told. */
export function nameWriter(producerId: bigint, flows: readonly LinkFlow[]): string | null {
  const writer = flows.find(({ link, source: { id } }) => {
    return id !== undefined && isIdOfLink(producerId, { sourceClusterId: id, linkName: link });
  });
  return writer === undefined
    ? null
    : `link ${writer.link} (${writer.source.name} -> ${writer.destination.name})`;
}
