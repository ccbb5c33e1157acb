// Two regions of a group with their fleets in the test's own process, and a failover as the moves make it: promoted at
// once, roles turned, and topics waiting for a restore.
import { expect } from 'vitest';
import { rolesKey } from '../../src/control/index.ts';
import { type MoveEnd, type MoveTeller, runMove } from '../../src/failover/engine.ts';
import { openGroup } from '../../src/failover/open-group.ts';
import { type RestoreOptions, restoreSteps } from '../../src/failover/restore/index.ts';
import { turnedRoles } from '../../src/failover/turned-roles.ts';
import type { OpenGroup, OpenRegion, Step } from '../../src/failover/types.ts';
import { undoMove } from '../../src/failover/undo.ts';
import type { Region } from '../../src/regions/index.ts';
import { parseTopology, type Topology } from '../../src/topology/index.ts';
import { type Fleet, openFleet } from '../agent/running-fleet.ts';

export const group = 'shop';
export const links = { forth: 'us-to-eu', back: 'eu-to-us' } as const;

export interface SplitOptions {
  readonly us: Region;
  readonly eu: Region;
  /** Names, prefixes or expressions, as in lockstep.yaml. */
  readonly topics: readonly string[];
  /** Who types commands, by SASL; agents are super users. Default: a super user, too. */
  readonly person?: { readonly username: string; readonly password: string };
}

export class SplitRegions implements AsyncDisposable {
  readonly us: Fleet;
  readonly eu: Fleet;
  readonly topology: Topology;
  generation = 1;

  private constructor(us: Fleet, eu: Fleet, topology: Topology) {
    this.us = us;
    this.eu = eu;
    this.topology = topology;
  }

  static async start(options: SplitOptions): Promise<SplitRegions> {
    const topology = topologyOf(options);
    const split = new SplitRegions(await openFleet(options.us), await openFleet(options.eu), topology);
    await split.us.start('us-agent');
    await split.eu.start('eu-agent');
    const declared = ({ name, bootstrap }: Region) => ({ name, bootstrap });
    const config = { topics: [...options.topics] };
    const roles = {
      ...{ group, regions: ['us-east', 'eu-west'], links: Object.values(links), primary: 'us-east' },
      ...{ topics: {}, place: 'the test' },
    };
    for (const fleet of [split.us, split.eu]) await fleet.done({ do: 'declareRoles', roles });
    await split.eu.done({
      do: 'createLink',
      link: { name: links.forth, source: declared(options.us), destination: 'eu-west', config },
    });
    await split.us.done({
      do: 'createLink',
      link: { name: links.back, source: declared(options.eu), destination: 'us-east', config },
    });
    return split;
  }

  /** Waits until eu-west has so much of a topic. */
  async mirrored(topic: string, ends: readonly number[]): Promise<void> {
    await this.#has(this.eu, links.forth, topic, ends);
  }

  async mirroredBack(topic: string, ends: readonly number[]): Promise<void> {
    await this.#has(this.us, links.back, topic, ends);
  }

  async #has(fleet: Fleet, link: string, topic: string, ends: readonly number[]): Promise<void> {
    await fleet.reaches(`${link} to bring ${topic} up to ${ends}`, ({ statuses }) =>
      ends.every((end, partition) => {
        const status = statuses.get(`${link}/${topic}/${partition}`);
        return status?.mirrorEnd !== undefined && Number(status.mirrorEnd) >= end;
      }),
    );
  }

  /** eu-west becomes primary at once; what us-east accepts from now on never comes over. */
  async failOver(topics: readonly string[]): Promise<void> {
    const [winner, loser] = [this.eu, this.us];
    await turn({ winner, loser, link: links.forth, topics, moveId: 'failover-1' });
  }

  /** us-east becomes primary again at once; what eu-west accepts from now on never comes over. */
  async failBack(topics: readonly string[]): Promise<void> {
    const [winner, loser] = [this.us, this.eu];
    await turn({ winner, loser, link: links.back, topics, moveId: 'failover-2' });
  }

  openGroup(): Promise<OpenGroup> {
    return openGroup(this.topology, this.topology.groups[group]!, { by: 'test', onWarning: () => {} });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.us[Symbol.asyncDispose](), this.eu[Symbol.asyncDispose]()]);
  }
}

interface Turn {
  readonly winner: Fleet;
  readonly loser: Fleet;
  /** From the loser to the winner. */
  readonly link: string;
  readonly topics: readonly string[];
  readonly moveId: string;
}

async function turn({ winner, loser, link, topics, moveId }: Turn): Promise<void> {
  await winner.done({ do: 'promoteMirrors', link, topics: null, isNow: true, timeoutMs: 0 });
  const before = winner.state.roles.get(group)!;
  const [from, to] = link === links.forth ? ['us-east', 'eu-west'] : ['eu-west', 'us-east'];
  const roles = turnedRoles(before, {
    ...{ kind: 'failover', from: from!, to: to!, topics: null, awaitsRestore: topics },
    ...{ moveId, by: 'test', atMs: Date.now() },
  });
  await winner.done({ do: 'setRoles', roles, ifGeneration: before.generation });
  await loser.reaches(
    `${from} to learn that it is not primary`,
    (state) => state.roles.get(group)?.generation === roles.generation,
  );
}

function topologyOf({ us, eu, topics, person }: SplitOptions): Topology {
  const cluster = (region: Region): string =>
    JSON.stringify(
      person === undefined
        ? { bootstrap: region.bootstrap }
        : { bootstrap: region.bootstrapOf('SASL_PLAINTEXT'), sasl: { mechanism: 'PLAIN', ...person } },
    );
  const names = `[${topics.map((topic) => JSON.stringify(topic)).join(', ')}]`;
  const text = `
version: 1
clusters:
  us-east: ${cluster(us)}
  eu-west: ${cluster(eu)}
links:
  ${links.forth}: {source: us-east, destination: eu-west, topics: ${names}}
  ${links.back}: {source: eu-west, destination: us-east, topics: ${names}}
replicationGroups:
  ${group}: {regions: [us-east, eu-west], primary: us-east}
`;
  return parseTopology(text, 'lockstep.yaml', {
    ...{ folder: process.cwd(), environment: {} },
    readFile: (file) => {
      throw new Error(`nothing is read here, not ${file}`);
    },
  });
}

export interface RestoreRun {
  readonly end: MoveEnd;
  /** What was told, a line each. */
  readonly lines: string[];
}

export interface RunRestoreOptions extends Partial<RestoreOptions> {
  readonly id?: string;
  /** Default: us-east, from eu-west. */
  readonly to?: 'us-east' | 'eu-west';
  readonly topics?: readonly string[];
  readonly startedAtMs?: number;
  /** Called when a step begins, by name. */
  readonly onStep?: (name: string) => void;
  readonly steps?: readonly Step[];
  readonly signal?: AbortSignal;
}

/** Begins a restore, or goes on with the one of that id. */
export async function runRestore(split: SplitRegions, options: RunRestoreOptions = {}): Promise<RestoreRun> {
  const { id = 'restore-1', topics = null, signal = new AbortController().signal } = options;
  const { history = 'all', comparesAll = false, confirmed = [], steps = restoreSteps } = options;
  const { to = 'us-east' } = options;
  const from = to === 'us-east' ? 'eu-west' : 'us-east';
  await using opened = await split.openGroup();
  const home = opened.regions.get(from) as OpenRegion;
  const lines: string[] = [];
  const nowMs = Date.now();
  const standing = home.state?.moves.get(`${group}/${id}`);
  const teller: MoveTeller = {
    begins: ({ number }) => options.onStep?.(steps[number - 1]!.name),
    ends: ({ number, remark }) => lines.push(`${steps[number - 1]!.name}: ${remark}`),
    fails: ({ number, reason }) => lines.push(`${steps[number - 1]!.name} FAILED: ${reason}`),
    say: (line) => lines.push(`  ${line}`),
  };
  const end = await runMove({
    ...{ group: opened, home, steps, by: 'test', teller, signal },
    move: standing ?? {
      ...{ v: 1, id, group, kind: 'restore', from, to, topics, by: 'test' },
      ...{ startedAtMs: options.startedAtMs ?? nowMs, changedAtMs: nowMs, revision: 0, state: 'running' },
      ...{ step: steps[0]!.name, done: [], rolesGeneration: opened.roles()!.generation },
      facts: { options: { history, comparesAll, confirmed } },
    },
  });
  return { end, lines };
}

/** Takes a restore back. */
export async function undoRestore(split: SplitRegions, id: string): Promise<{ lines: string[] }> {
  await using opened = await split.openGroup();
  const home = opened.regions.get('eu-west') as OpenRegion;
  const lines: string[] = [];
  const teller: MoveTeller = {
    begins: () => {},
    ends: ({ remark }) => lines.push(remark),
    fails: ({ reason }) => lines.push(`FAILED: ${reason}`),
    say: (line) => lines.push(`  ${line}`),
  };
  const move = home.state!.moves.get(`${group}/${id}`)!;
  const signal = new AbortController().signal;
  await undoMove({ ...{ group: opened, home, move, steps: restoreSteps, by: 'test', teller, signal } });
  return { lines };
}

export function expectDone({ end, lines }: RestoreRun): void {
  if (end.kind === 'failed') throw new Error(lines.join('\n'), { cause: end.error });
  expect(end.kind, lines.join('\n')).toBe('done');
}

export const rolesOf = ({ eu }: SplitRegions) => eu.state.roles.get(rolesKey(group).slice('roles/'.length))!;
