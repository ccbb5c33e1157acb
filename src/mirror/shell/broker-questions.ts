// Questions to the brokers of one cluster, many partitions in each, and one line of waiting per broker.
import type { LockstepError } from '../../errors.ts';
import { Coalescer } from './coalescer.ts';
import type { Ask, LogAddress } from './log-answers.ts';

/** A log and the broker that leads it. */
export interface LedLog extends LogAddress {
  readonly leader: number;
}

/** Asks one broker of one cluster. */
export type AskBroker = (broker: number) => Ask;

/** How long questions are collected, in ms. */
const windowMs = 5;
const logsPerRequestMax = 500;

/** One coalescer per broker. */
export class BrokerQuestions<Item, Result> {
  readonly #ask: AskBroker;
  readonly #run: (ask: Ask, items: Item[]) => Promise<Map<Item, Result | LockstepError>>;
  readonly #brokers = new Map<number, Coalescer<Item, Result>>();

  readonly #windowMs: number;

  constructor(
    ask: AskBroker,
    run: (ask: Ask, items: Item[]) => Promise<Map<Item, Result | LockstepError>>,
    questionWindowMs = windowMs,
  ) {
    this.#ask = ask;
    this.#run = run;
    this.#windowMs = questionWindowMs;
  }

  ask(broker: number, item: Item): Promise<Result> {
    let coalescer = this.#brokers.get(broker);
    if (coalescer === undefined) {
      coalescer = new Coalescer<Item, Result>({
        windowMs: this.#windowMs,
        itemsMax: logsPerRequestMax,
        run: (items) => this.#run(this.#ask(broker), items),
      });
      this.#brokers.set(broker, coalescer);
    }
    return coalescer.ask(item);
  }
}
