// What the sources of a fleet's links copy themselves, as their own control topics say: a topic that came to the source from
// elsewhere carries its labels on, over links that no file of this fleet names. Only the leader looks, and only while rules
// stand; what it finds is written down, so that every agent decides alike.
import { isDeepStrictEqual } from 'node:util';
import { type Clock, type Cluster, systemClock } from '../../client/index.ts';
import {
  ControlTopic,
  type FleetState,
  type LinkDeclaration,
  type LinkRecord,
  type OriginsRecord,
  originsKey,
  recordVersion,
  residencyRules,
} from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import {
  type Flow,
  type KnownCopy,
  type LinkConfig,
  lineageOf,
  matchesTopic,
  type ResidencyWorld,
  sourceNameOf,
} from '../../topology/index.ts';
import { sourceIn } from '../residency.ts';

export interface WatchedSource {
  readonly record: LinkRecord;
  /** Null while it can't be looked up; may not be reachable. */
  readonly sourceClient: Cluster | null;
}

/** The control topic of a source, followed. */
export interface OriginsReader {
  readonly state: FleetState;
  /** Grows whenever something changes that origins follow from: thousands of mirrors are not looked at every few moments. */
  readonly revision: number;
  /** Everything that is committed by now is in `state` then. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

export interface OriginsWatchOptions {
  /** Of this fleet. */
  readonly state: FleetState;
  links(): readonly WatchedSource[];
  resolve(declaration: LinkDeclaration): LinkConfig;
  /** As the leader. @throws LockstepError to be tried again. */
  write(entries: ReadonlyMap<string, object | null>): Promise<void>;
  readonly clock?: Clock;
  readonly nowMs: () => number;
  /** A source whose control topic nobody here may read, each time that it comes to that. */
  readonly onUnreadable: (link: string, reason: string) => void;
  readonly open?: (source: Cluster) => Promise<OriginsReader>;
}

const lookEveryMs = 2_000;

interface Reading {
  readonly source: Cluster;
  reader: OriginsReader | null;
  isBusy: boolean;
  /** What `originsAt` was asked of, at last. */
  seen: string | null;
}

export class OriginsWatch {
  readonly #options: OriginsWatchOptions;
  readonly #readings = new Map<string, Reading>();
  #cancelTimer: () => void = () => {};
  #isStopped = false;

  constructor(options: OriginsWatchOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#isStopped) return;
    this.look();
    this.#cancelTimer = (this.#options.clock ?? systemClock).after(lookEveryMs, () => this.start());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
    for (const name of [...this.#readings.keys()]) this.#end(name);
  }

  /** Rules or links changed, or some time has passed. */
  look(): void {
    if (this.#isStopped) return;
    const hasRules = (this.#options.state.rules.get(residencyRules)?.rules.length ?? 0) > 0;
    const links = hasRules ? this.#options.links() : [];
    for (const [name, { source }] of this.#readings)
      if (!links.some(({ record, sourceClient }) => record.name === name && sourceClient === source))
        this.#end(name);
    for (const { record, sourceClient } of links) {
      if (sourceClient === null) continue;
      const reading = this.#readings.get(record.name) ?? {
        source: sourceClient,
        reader: null,
        isBusy: false,
        seen: null,
      };
      this.#readings.set(record.name, reading);
      void this.#read(record, reading);
    }
  }

  /**
   * Looks at the source of a link again; resolves when what is known of it is as new as this call.
   * @throws LockstepError when that can't be found out now.
   */
  async fresh(link: string): Promise<void> {
    const record = this.#options.links().find(({ record: each }) => each.name === link)?.record;
    const reading = this.#readings.get(link);
    if (record === undefined) return;
    if (reading?.reader != null) return this.#tell(record, reading, reading.reader);
    // Nobody may read it: what names say is all that there is to know.
    const known = this.#options.state.origins.get(link);
    if (known?.source === record.source.name && known.unknown !== null) return;
    this.look();
    throw new LockstepError(
      'KAFKA_ERROR',
      `link ${link}: rules stand, and what ${record.source.name} copies from elsewhere has not been read there yet`,
      { retriable: true },
    );
  }

  #end(name: string): void {
    const reading = this.#readings.get(name);
    this.#readings.delete(name);
    void reading?.reader?.close();
  }

  async #read(record: LinkRecord, reading: Reading): Promise<void> {
    if (reading.isBusy) return;
    reading.isBusy = true;
    try {
      if (reading.reader === null) {
        const reader = await this.#open(record, reading.source);
        if (reader === null) return;
        if (this.#readings.get(record.name) !== reading) return void reader.close();
        reading.reader = reader;
      }
      await this.#tell(record, reading, reading.reader);
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      // One that does not answer is told of by the link itself, and nothing is copied meanwhile.
    } finally {
      reading.isBusy = false;
    }
  }

  /** Null where nobody may read it: what names say is all that there is to know. */
  async #open(record: LinkRecord, source: Cluster): Promise<OriginsReader | null> {
    try {
      return await (this.#options.open ?? openReader)(source);
    } catch (error) {
      if (!(error instanceof LockstepError) || error.code !== 'NOT_AUTHORIZED') throw error;
      await this.#write(record, unreadable(error));
      return null;
    }
  }

  async #tell(record: LinkRecord, reading: Reading, reader: OriginsReader): Promise<void> {
    const { state, resolve } = this.#options;
    try {
      await reader.refresh();
    } catch (error) {
      if (!(error instanceof LockstepError) || error.code !== 'NOT_AUTHORIZED') throw error;
      return this.#write(record, unreadable(error));
    }
    const rules = state.rules.get(residencyRules);
    if (rules === undefined) return;
    const seen = `${reader.revision} ${rules.generation} ${record.generation}`;
    const known = state.origins.get(record.name);
    if (reading.seen === seen && known?.source === record.source.name && known.unknown === null) return;
    const found = originsAt(record, reader.state, { rules, resolve });
    await this.#write(record, { ...found, unknown: null });
    reading.seen = seen;
  }

  async #write(
    { name, source }: LinkRecord,
    found: Pick<OriginsRecord, 'flows' | 'copies' | 'unknown'>,
  ): Promise<void> {
    const { state, nowMs, write } = this.#options;
    const known = state.origins.get(name);
    const all = known?.source === source.name ? remembering(known, found) : found;
    const wanted = JSON.parse(JSON.stringify({ ...all, source: source.name })) as typeof found & {
      source: string;
    };
    if (known !== undefined) {
      const { flows, copies, unknown, source: from } = known;
      if (isDeepStrictEqual({ flows, copies, unknown, source: from }, wanted)) return;
    }
    if (found.unknown !== null && known?.unknown !== found.unknown)
      this.#options.onUnreadable(name, found.unknown);
    const entry: OriginsRecord = { v: recordVersion, link: name, ...wanted, atMs: nowMs() };
    await write(new Map([[originsKey(name), entry]]));
  }
}

function unreadable({ message }: LockstepError): Pick<OriginsRecord, 'flows' | 'copies' | 'unknown'> {
  return { flows: [], copies: [], unknown: message };
}

/**
 * A link that is gone at the source has left its copies there. By a prefix they are told whatever its filters were; without
 * one, by what was written down of them.
 */
function remembering<Origins extends Pick<OriginsRecord, 'flows' | 'copies'>>(
  known: Pick<OriginsRecord, 'flows' | 'copies'>,
  found: Origins,
): Origins {
  const names = ({ source, destination, prefix, mirrorMaker }: Flow): string =>
    JSON.stringify([source, destination, prefix, mirrorMaker]);
  const flows = new Set(found.flows.map(names));
  const copies = new Set(found.copies.map((copy) => JSON.stringify(copy)));
  return {
    ...found,
    flows: [
      ...found.flows,
      ...known.flows.filter((flow) => sourceNameOf(flow, anyName) === null && !flows.has(names(flow))),
    ],
    copies: [...found.copies, ...known.copies.filter((copy) => !copies.has(JSON.stringify(copy)))],
  };
}

/** A link that keeps names would take it for its own. */
const anyName = 'lockstep-any-topic-0';

/** What is known at a source of the data that came to it: its links, its mirrors, and what it knows of its own sources. */
export function originsAt(
  record: Pick<LinkRecord, 'name' | 'source'>,
  theirs: FleetState,
  {
    rules,
    resolve,
  }: {
    rules: Pick<ResidencyWorld, 'clusters' | 'topicLabels'>;
    resolve(declaration: LinkDeclaration): LinkConfig;
  },
): Pick<OriginsRecord, 'flows' | 'copies'> {
  const here = sourceIn(rules, record.source);
  const declared = theirs.rules.get(residencyRules);
  const called = (cluster: string) => (cluster === declared?.cluster ? here : cluster);
  const links = [...theirs.links.values()].filter(({ isDeleted }) => isDeleted !== true);
  const flows = uniqueFlows([
    ...links.flatMap((link) =>
      flowOf(link, { source: sourceIn(rules, link.source), destination: here }, resolve),
    ),
    ...(declared?.flows ?? []).map((flow) => renamed(flow, called)),
    ...[...theirs.origins.values()].flatMap((known) => known.flows.map((flow) => renamed(flow, called))),
  ]);
  const all: KnownCopy[] = [...theirs.mirrors.values()].flatMap(({ link, sourceTopic, mirrorTopic }) => {
    const source = theirs.links.get(link)?.source;
    if (source === undefined) return [];
    const from = { cluster: called(sourceIn(rules, source)), topic: sourceTopic };
    return [{ cluster: here, topic: mirrorTopic, from, link }];
  });
  const further = [...theirs.origins.values()].flatMap(({ copies }) =>
    copies.map((copy) => ({
      ...copy,
      cluster: called(copy.cluster),
      from: { ...copy.from, cluster: called(copy.from.cluster) },
    })),
  );
  const world: ResidencyWorld = {
    ...{ clusters: rules.clusters, topicLabels: rules.topicLabels, rules: [], groups: [] },
    ...{ flows, copies: further },
  };
  // Thousands of mirrors without a label are nothing that a rule asks for.
  const labelled = all.filter((copy) => {
    const from = lineageOf(world, copy.from);
    return from.labels.length > 0;
  });
  return { flows, copies: [...labelled, ...further] };
}

function flowOf(
  link: LinkRecord,
  ends: Pick<Flow, 'source' | 'destination'>,
  resolve: (link: LinkDeclaration) => LinkConfig,
): Flow[] {
  try {
    const { name, topics, excludeTopics, prefix, mirrorMaker } = resolve(link);
    return [{ name, ...ends, topics, excludeTopics, prefix, mirrorMaker }];
  } catch (error) {
    if (error instanceof LockstepError) return [];
    throw error;
  }
}

function renamed(flow: Flow, called: (cluster: string) => string): Flow {
  return { ...flow, source: called(flow.source), destination: called(flow.destination) };
}

function uniqueFlows(flows: readonly Flow[]): Flow[] {
  return [...new Map(flows.map(readable).map((flow) => [JSON.stringify(flow), flow])).values()];
}

/** Another fleet's version may know filters that this one can't read: such a link may bring anything. */
function readable(flow: Flow): Flow {
  try {
    matchesTopic(flow, '');
    return flow;
  } catch {
    return { ...flow, topics: ['regex:.*'], excludeTopics: [] };
  }
}

async function openReader(source: Cluster): Promise<OriginsReader> {
  // What goes wrong later is seen by the link, which reads from the same brokers.
  const control = await ControlTopic.open(source, { mayCreate: false, onWarning: () => {} });
  let revision = 0;
  control.onChange((changes) => {
    if (changes.some(({ key }) => /^(link|mirror|rules|origins)\//.test(key))) revision += 1;
  });
  return {
    state: control.state,
    get revision() {
      return revision;
    },
    refresh: () => control.refresh(),
    close: () => control.close(),
  };
}
