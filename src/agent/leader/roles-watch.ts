// How a fleet learns that roles were turned elsewhere: its leader reads them in the control topics of its links' sources.
//
// A region that was away comes back with the roles of the day it was lost. Whatever has a higher generation at a source
// that can be reached is taken over, as a move would have written it. Where both sides were turned, each without knowing
// of the other, nobody but a person can tell which is true: the link says so, and nothing is copied on it.
import type { Clock, Cluster } from '../../client/index.ts';
import {
  ControlTopic,
  controlTopic,
  type FleetState,
  followed,
  type LinkRecord,
  type RolesRecord,
  rolesKey,
  rolesOfLink,
} from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';

/** What a link's source tells of its roles. */
export type SourceRoles =
  /** It was not heard yet: what was known before holds. */
  | { readonly state: 'Unknown' }
  /** Told, and nothing against it. */
  | { readonly state: 'Followed' }
  /** The source answers and does not tell, so that we would not learn of a failover. */
  | { readonly state: 'RolesUnseen'; readonly reason: string }
  | { readonly state: 'SplitRoles'; readonly reason: string };

export interface WatchedLink {
  readonly record: LinkRecord;
  /** Null while it can't be looked up; may not be reachable. */
  readonly sourceClient: Cluster | null;
}

/** The control topic of a source, followed. */
export interface RolesReader {
  readonly state: FleetState;
  /** Whether the source has a control topic. */
  readonly isThere: boolean;
  /** Tells that something changed. */
  onChange(listener: () => void): void;
  close(): Promise<void>;
}

export interface RolesWatchOptions {
  /** Of this region. */
  readonly state: FleetState;
  links(): readonly WatchedLink[];
  /** Takes over what is newer, as a decision of the leader. @throws LockstepError to be tried again. */
  take(theirs: RolesRecord): Promise<void>;
  /** Something is to be shown otherwise. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly open?: (source: Cluster) => Promise<RolesReader>;
}

const lookEveryMs = 5_000;

interface Reading {
  readonly source: Cluster;
  reader: RolesReader | null;
  isOpening: boolean;
  told: SourceRoles;
}

export class RolesWatch {
  readonly #options: RolesWatchOptions;
  readonly #readings = new Map<string, Reading>();
  #cancelTimer: () => void = () => {};
  #isStopped = false;

  constructor(options: RolesWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.look();
    if (this.#isStopped) return;
    this.#cancelTimer = this.#options.clock.after(lookEveryMs, () => this.start());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
    for (const name of [...this.#readings.keys()]) this.#end(name);
  }

  /** Of a link; null: it is in no group. */
  rolesAt(record: LinkRecord): SourceRoles | null {
    if (this.#groupOf(record) === undefined) return null;
    return this.#readings.get(record.name)?.told ?? { state: 'Unknown' };
  }

  /** Compares what is known now. */
  look(): void {
    if (this.#isStopped) return;
    const links = this.#options.links().filter(({ record }) => this.#groupOf(record) !== undefined);
    for (const [name, { source }] of this.#readings)
      if (!links.some(({ record, sourceClient }) => record.name === name && sourceClient === source))
        this.#end(name);
    for (const { record, sourceClient } of links) {
      if (sourceClient === null) continue;
      const reading = this.#readings.get(record.name) ?? this.#begin(record.name, sourceClient);
      if (reading.reader === null) void this.#open(reading);
      else this.#compare(record, reading, reading.reader);
    }
  }

  #groupOf(record: LinkRecord): string | undefined {
    return rolesOfLink(this.#options.state.roles, record.name)?.group ?? record.group;
  }

  #begin(name: string, source: Cluster): Reading {
    const reading: Reading = { source, reader: null, isOpening: false, told: { state: 'Unknown' } };
    this.#readings.set(name, reading);
    return reading;
  }

  #end(name: string): void {
    const reading = this.#readings.get(name);
    this.#readings.delete(name);
    void reading?.reader?.close();
  }

  async #open(reading: Reading): Promise<void> {
    if (reading.isOpening) return;
    reading.isOpening = true;
    try {
      const reader = await (this.#options.open ?? openReader)(reading.source);
      if (![...this.#readings.values()].includes(reading)) return void reader.close();
      reading.reader = reader;
      reader.onChange(() => this.look());
      this.look();
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      // One that does not answer is told of by the link itself; what it said before stands.
      if (error.code === 'NOT_AUTHORIZED') this.#tell(reading, unseen(error.message));
    } finally {
      reading.isOpening = false;
    }
  }

  #compare(record: LinkRecord, reading: Reading, { state, isThere }: RolesReader): void {
    const group = this.#groupOf(record)!;
    const theirs = state.roles.get(group);
    if (theirs === undefined) {
      const what = !isThere
        ? `it has no topic ${controlTopic}: no agent runs there yet`
        : state.foreign.has(rolesKey(group))
          ? 'a newer Lockstep has written them'
          : `no roles of the group ${group} stand there`;
      return this.#tell(reading, unseen(`${record.source.name}: ${what}`));
    }
    const ours = this.#options.state.roles.get(group);
    const result = followed(ours, theirs);
    if (result.kind === 'split')
      return this.#tell(reading, split(record, [ours!, theirs], result.differences));
    this.#tell(reading, { state: 'Followed' });
    if (result.kind === 'take')
      this.#options.take(theirs).catch((error: unknown) => {
        if (!(error instanceof LockstepError)) throw error;
      });
  }

  #tell(reading: Reading, told: SourceRoles): void {
    const isSame = JSON.stringify(reading.told) === JSON.stringify(told);
    reading.told = told;
    if (!isSame) this.#options.onChange();
  }
}

function unseen(why: string): SourceRoles {
  return { state: 'RolesUnseen', reason: `a failover elsewhere would not be learnt of: ${why}` };
}

function split(
  { source, destination }: LinkRecord,
  [ours, theirs]: readonly [RolesRecord, RolesRecord],
  differences: readonly string[],
): SourceRoles {
  return {
    state: 'SplitRoles',
    reason:
      `split brain: the roles of the group ${ours.group} were changed at ${destination} and at ${source.name} apart from each other ` +
      `(generations ${ours.generation} and ${theirs.generation}; ${destination} against ${source.name}: ${differences.join('; ')}). Nothing is copied ` +
      'in either direction until a person decides who is primary, with a switchover or failover --to that region while both ' +
      'answer: its roles have a higher generation, and hold at both',
  };
}

async function openReader(source: Cluster): Promise<RolesReader> {
  // What goes wrong later is seen by the link, which reads from the same brokers.
  const control = await ControlTopic.open(source, { mayCreate: false, onWarning: () => {} });
  return {
    state: control.state,
    get isThere() {
      return source.knownMetadata.topics.has(controlTopic);
    },
    onChange: (listener) => {
      control.onChange((changes) => {
        if (changes.some(({ key }) => key.startsWith('roles/'))) listener();
      });
    },
    close: () => control.close(),
  };
}
