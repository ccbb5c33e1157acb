// A replication group on two regions with Kafka's StandardAuthorizer: `lockstep run` as the agents' user, and commands as
// a person types them, each with exactly the rights that were granted.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Output } from '../../src/cli/output/output.ts';
import { runProgram } from '../../src/cli/program.ts';
import { Cluster, createTopics, listOffsets, unwrap } from '../../src/client/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { waitFor } from '../support/wait-for.ts';
import { passwordOf, users } from './guarded-fleet.ts';
import type { Principal } from './rights-document.ts';

export class GuardedGroup implements AsyncDisposable {
  readonly #regions: readonly Region[];
  readonly #folder: string;
  readonly #stopping = new AbortController();
  readonly #topics: readonly string[];
  #agents: Promise<unknown> = Promise.resolve();
  #printed = '';

  constructor(regions: readonly Region[], folder: string, topics: readonly string[]) {
    this.#regions = regions;
    this.#folder = folder;
    this.#topics = topics;
  }

  /** lockstep.yaml with the login of one of them. */
  fileOf(principal: Principal): string {
    return path.join(this.#folder, `${principal}.yaml`);
  }

  async start(): Promise<void> {
    for (const principal of ['AGENT', 'PERSON'] as const)
      await writeFile(this.fileOf(principal), this.#content(users[principal]));
    const cluster = await Cluster.connect(configOf(this.#regions[0]!));
    const topics = this.#topics.map((name) => ({ name, partitionCount: 1, replicationFactor: 1 }));
    for (const outcome of (await createTopics(cluster, topics)).values()) unwrap(outcome);
    cluster.close();
    const stream = {
      write: (text: string) => {
        this.#printed += text;
        return true;
      },
    };
    this.#agents = runProgram(['run', this.fileOf('AGENT')], {
      output: new Output({ stdout: stream, stderr: stream, environment: {} }),
      signal: this.#stopping.signal,
      environment: {},
    });
  }

  #content(username: string): string {
    const [us, eu] = this.#regions.map(({ name }) => name);
    const links = { 'us-to-eu': [us, eu], 'eu-to-us': [eu, us] };
    return JSON.stringify({
      version: 1,
      clusters: Object.fromEntries(
        this.#regions.map((region) => [
          region.name,
          {
            bootstrap: region.bootstrapOf('SASL_PLAINTEXT'),
            sasl: { mechanism: 'PLAIN', username, password: passwordOf(username) },
          },
        ]),
      ),
      links: Object.fromEntries(
        Object.entries(links).map(([name, [source, destination]]) => [
          name,
          { source, destination, topics: ['prefix:shop.'], groups: ['prefix:shop-'] },
        ]),
      ),
      replicationGroups: { shop: { regions: [us, eu], primary: us } },
    });
  }

  /** What the agents said. */
  get printed(): string {
    return this.#printed;
  }

  /** Types a command; all that it printed. */
  async type(command: string, ...words: string[]): Promise<{ exitCode: number; said: string }> {
    const args =
      command === 'restore'
        ? ['restore', words[0]!, this.fileOf('PERSON'), ...words.slice(1)]
        : [command, this.fileOf('PERSON'), ...words];
    const { exitCode, stdout, stderr } = await lockstepCommand(...args);
    return { exitCode, said: stdout + stderr };
  }

  /** As a super user. */
  async produce(region: Region, topic: string, value: string): Promise<void> {
    const { bootstrap } = region;
    await platformaticProduce({ bootstrap, topic, messages: [{ partition: 0, value: Buffer.from(value) }] });
  }

  /** Waits until all regions end at the same offsets. */
  async mirrored(): Promise<void> {
    const ends = async (region: Region) => {
      const cluster = await Cluster.connect(configOf(region));
      try {
        const asked = this.#topics.map((topic) => ({ topic, partition: 0, at: 'latest' as const }));
        return (await listOffsets(cluster, asked))
          .map(({ outcome }) => String(unwrap(outcome).offset))
          .join();
      } finally {
        cluster.close();
      }
    };
    await this.eventually('both regions to be equal', async () => {
      const [one, other] = await Promise.all(this.#regions.map(ends));
      if (one !== other) throw new Error(`${one} and ${other}`);
      return true;
    });
  }

  async eventually(what: string | (() => string), condition: () => unknown): Promise<void> {
    await waitFor(condition, {
      ...{ deadlineMs: 30_000, pollMs: 200 },
      describe: () => `${typeof what === 'string' ? what : what()}\n${this.#printed.slice(-3_000)}`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#agents;
  }
}
