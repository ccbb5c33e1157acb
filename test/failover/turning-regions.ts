// Two regions whose direction turns: a link each way in the test's own process, of which one copies at a time, and the
// closing of mirrors as the leader of a fleet does it. Roles without a control topic: the test says who is primary.
import { expect } from 'vitest';
import { closeMirrors, promotedPartition } from '../../src/agent/leader/close-mirrors.ts';
import { Cluster } from '../../src/client/index.ts';
import { type MirrorRecord, type PromotedPartition, recordVersion } from '../../src/control/index.ts';
import { LockstepError } from '../../src/errors.ts';
import { linkProducerId } from '../../src/mirror/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { expectVerified, type RunningLink, startLink } from '../link/running-link.ts';
import type { Oracle } from '../support/read-committed-oracle.ts';
import { waitFor } from '../support/wait-for.ts';

export interface TurningOptions {
  readonly folder: string;
  readonly oracle: Oracle;
  /** The first is primary at the beginning. */
  readonly regions: readonly [Region, Region];
  readonly topics: readonly string[];
  readonly partitions: number;
  /** Further lines of both links, indented by four spaces. */
  readonly extra?: string;
}

/** The name of both links (`writeTopology`). */
const linkName = 'us-to-eu';

export class TurningRegions implements AsyncDisposable {
  /** Index of the primary. */
  primary = 0;
  /** As of the roles. */
  generation = 1;
  /** While the direction turns nothing is copied. */
  #isCopying = true;
  readonly #options: TurningOptions;
  readonly #clusters: Cluster[] = [];
  /** By the region that is copied from. */
  links: RunningLink[] = [];

  private constructor(options: TurningOptions) {
    this.#options = options;
  }

  static async start(options: TurningOptions): Promise<TurningRegions> {
    const turning = new TurningRegions(options);
    for (const region of options.regions) turning.#clusters.push(await Cluster.connect(configOf(region)));
    await turning.#startLinks();
    return turning;
  }

  /** As if the agents were started anew: what they knew is gone. */
  async restart(): Promise<void> {
    await Promise.all(this.links.map((link) => link[Symbol.asyncDispose]()));
    this.links = [];
    await this.#startLinks();
  }

  async #startLinks(): Promise<void> {
    const { regions, folder, topics, extra = '' } = this.#options;
    for (const from of [0, 1]) {
      const share = {
        mayMirror: () => this.#isCopying && this.primary === from,
        incarnationOf: () => this.generation - 1,
      };
      const sides = { source: regions[from]!, destination: regions[1 - from]! };
      this.links.push(await startLink({ ...sides, folder, topics, extra, share }));
    }
  }

  get source(): Region {
    return this.#options.regions[this.primary]!;
  }
  get destination(): Region {
    return this.#options.regions[1 - this.primary]!;
  }
  /** The one that copies. */
  get link(): RunningLink {
    return this.links[this.primary]!;
  }

  /** Waits until the mirror has all that the primary has. */
  async catchUp(): Promise<void> {
    const { topics, oracle } = this.#options;
    for (const topic of topics) {
      await this.link.reaches(topic, 'Mirrored');
      for (const { partition, highWatermark } of await oracle.ends(this.source, topic))
        await this.link.mirrorsUpTo(topic, BigInt(highWatermark), partition);
    }
  }

  /** As a planned promotion: nothing is copied any more, and late workers are shut out. */
  async promote(): Promise<ReadonlyMap<string, readonly PromotedPartition[]>> {
    this.#isCopying = false;
    for (const link of this.links) await link.runner.reconcile();
    const [source, destination] = [this.#clusters[this.primary]!, this.#clusters[1 - this.primary]!];
    const records = await Promise.all(this.#options.topics.map((topic) => this.#record(topic)));
    const closed = await closeMirrors(records, {
      destination,
      producerIdOf: (incarnation) =>
        linkProducerId({ sourceClusterId: source.clusterId, linkName, incarnation }),
      replicationTimeoutMs: 10_000,
    });
    const cuts = new Map<string, readonly PromotedPartition[]>();
    for (const [topic, outcome] of closed) {
      if (outcome instanceof LockstepError) throw outcome;
      expect(outcome.unfenced).toBeNull();
      cuts.set(
        topic,
        outcome.partitions.map((each) => promotedPartition(each, null)),
      );
    }
    return cuts;
  }

  /** The other region becomes primary, and this one its mirror. */
  async turn(): Promise<void> {
    this.primary = 1 - this.primary;
    this.generation += 1;
    this.#isCopying = true;
    for (const link of this.links) await link.runner.reconcile();
  }

  /** Kafka's consumer and `lockstep verify` find both sides equal. */
  async expectIdentical(): Promise<number> {
    const { oracle, topics, folder } = this.#options;
    const { source, destination } = this;
    let records = 0;
    for (const topic of topics)
      records += (await oracle.expectSame({ source, destination, topic, waitMs: 60_000 })).records;
    await expectVerified({ folder, source, destination, topics });
    return records;
  }

  /** By topic and partition, where the log of a region ends. */
  async ends(region: Region): Promise<Record<string, number>> {
    const ends: Record<string, number> = {};
    for (const topic of this.#options.topics)
      for (const { partition, highWatermark } of await this.#options.oracle.ends(region, topic))
        ends[`${topic}-${partition}`] = highWatermark;
    return ends;
  }

  async #record(topic: string): Promise<MirrorRecord> {
    const status = await waitFor(() => this.link.topic(topic), { deadlineMs: 5_000, describe: topic });
    return {
      ...{ v: recordVersion, link: linkName, sourceTopic: topic, mirrorTopic: topic },
      ...{ state: 'Closing', sinceMs: 0, reason: null, partitionCount: this.#options.partitions },
      sourceTopicId: status.sourceTopicId!,
      mirrorTopicId: status.mirrorTopicId!,
      incarnation: this.generation - 1,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.links.map((link) => link[Symbol.asyncDispose]()));
    for (const cluster of this.#clusters) cluster.close();
  }
}
