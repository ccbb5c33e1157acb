// The control topic for links without a fleet, which may have nothing to remember: opened when it is there, created
// with the first value. So a link that keeps all offsets needs no right to it.
import type { Cluster } from '../client/index.ts';
import type { StateStore } from '../link/index.ts';
import { ControlTopic, type ControlTopicOptions } from './control-topic.ts';
import { findTopic } from './topic.ts';

export class LazyControlTopic implements StateStore {
  readonly #cluster: Cluster;
  readonly #options: Omit<ControlTopicOptions, 'mayCreate'>;
  #control: ControlTopic | null = null;
  #opening: Promise<ControlTopic> | null = null;

  constructor(cluster: Cluster, options: Omit<ControlTopicOptions, 'mayCreate'>) {
    this.#cluster = cluster;
    this.#options = options;
  }

  /** @throws LockstepError NOT_AUTHORIZED for who may not describe or read the topic. */
  async refresh(): Promise<void> {
    if (this.#control === null && (await findTopic(this.#cluster)) === null) return;
    await (await this.#open()).refresh();
  }

  first(key: string, isValid: (value: string) => boolean): string | undefined {
    return this.#control?.first(key, isValid);
  }

  last(key: string): string | undefined {
    return this.#control?.last(key);
  }

  async putIfAbsent(key: string, value: string, isValid: (value: string) => boolean): Promise<string> {
    return (await this.#open()).putIfAbsent(key, value, isValid);
  }

  async close(): Promise<void> {
    await (await this.#opening?.catch(() => null))?.close();
  }

  #open(): Promise<ControlTopic> {
    this.#opening ??= ControlTopic.open(this.#cluster, { ...this.#options, mayCreate: true }).then(
      (control) => {
        this.#control = control;
        return control;
      },
      (error) => {
        this.#opening = null;
        throw error;
      },
    );
    return this.#opening;
  }
}
