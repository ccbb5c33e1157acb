// How one link of a group stands, as the fleet of its destination tells. Pure.
import {
  type LinkRecord,
  type MirrorRecord,
  type RolesRecord,
  roleOf,
  statusKey,
} from '../../control/index.ts';
import { mirrorStates } from '../../link/lifecycle.ts';
import { hasEnded } from '../../mirror/index.ts';
import type { LinkConfig } from '../../topology/index.ts';
import { knownLossOf, sumLosses } from './known-loss.ts';
import type { RegionLook } from './look.ts';
import type { LinkDirection, LinkStanding } from './types.ts';

/** Conditions that follow from the roles: nothing is wrong. */
const byRoles: ReadonlySet<string> = new Set(['Standby', 'AwaitsRestore']);

export interface LinkLook {
  readonly standing: LinkStanding;
  /** Mirrors that the roles want copied. */
  readonly copied: readonly MirrorRecord[];
}

export function lookAtLink(
  config: Pick<LinkConfig, 'name' | 'source' | 'destination'>,
  roles: RolesRecord | null,
  region: RegionLook,
): LinkLook {
  const { name, source, destination } = config;
  const { state, living } = region;
  const record = state?.links.get(name);
  const base = { name, source, destination, direction: directionOf(config, roles) };
  if (state === null || record === undefined || record.isDeleted === true)
    return {
      copied: [],
      standing: {
        ...base,
        isThere: region.gone === null ? false : null,
        ...{ conditions: [], mirrors: {}, partitionCount: 0, ended: [], diverged: [] },
        ...{ lagRecords: null, behindMs: null, unknownCount: 0, loss: sumLosses([]) },
      },
    };
  const isWanted = (topic: string): boolean => copies(config, roles, topic);
  const copied = [...state.mirrors.values()].filter(
    (mirror) => mirror.link === name && isWanted(mirror.sourceTopic),
  );
  const partitions = copied
    .filter((mirror) => mirrorStates[mirror.state].isCopied)
    .flatMap(({ sourceTopic: topic, partitionCount }) =>
      Array.from({ length: partitionCount }, (_, partition) => {
        const status = state.statuses.get(
          statusKey({ link: name, topic, partition }).slice('status/'.length),
        );
        return { topic, place: `${topic}-${partition}`, status };
      }),
    );
  const told = partitions
    .map(({ status }) => status)
    .filter((status) => status !== undefined && living.has(status.agent) && status.lagRecords !== null)
    .map((status) => status!);
  const behind = told.map(({ behindMs }) => behindMs);
  return {
    copied,
    standing: {
      ...base,
      isThere: true,
      conditions: [...state.conditions]
        .map(([key, { state: condition, reason }]) => ({ ...placeOf(key), state: condition, reason }))
        .filter(({ link, topic }) => link === name && (topic === null || isWanted(topic)))
        .filter(({ state: condition }) => !byRoles.has(condition))
        .map(({ topic, state: condition, reason }) => ({ topic, state: condition, reason })),
      mirrors: countBy(copied.map((mirror) => mirror.state)),
      partitionCount: copied.reduce((sum, mirror) => sum + mirror.partitionCount, 0),
      ended: partitions.flatMap(({ place, status }) =>
        status !== undefined && hasEnded(status.state) ? [`${place} is ${status.state}`] : [],
      ),
      diverged: [
        ...new Set(partitions.flatMap(({ topic, status }) => (status?.state === 'Diverged' ? [topic] : []))),
      ],
      lagRecords:
        told.length === 0 ? null : told.reduce((sum, { lagRecords }) => sum + BigInt(lagRecords!), 0n),
      behindMs: behind.length === 0 || behind.includes(null) ? null : Math.max(...behind.map((ms) => ms!)),
      unknownCount: partitions.length - told.length,
      loss: knownLossOf(copied, { state, living, nowMs: region.nowMs }),
    },
  };
}

/** Whether the roles have the link copy this topic; without roles it is what the file wants. */
function copies(
  config: Pick<LinkConfig, 'name' | 'source' | 'destination'>,
  roles: RolesRecord | null,
  topic: string,
): boolean {
  if (roles === null) return true;
  const { kind } = roleOf(new Map([[roles.group, roles]]), ends(config), topic);
  // A link that the roles do not know yet copies what it selects.
  return kind === 'copies' || kind === 'free';
}

function ends({ name, source, destination }: Pick<LinkConfig, 'name' | 'source' | 'destination'>) {
  return { name, destination, source: { name: source } } satisfies Pick<
    LinkRecord,
    'name' | 'destination'
  > & {
    source: { name: string };
  };
}

function directionOf({ source }: Pick<LinkConfig, 'source'>, roles: RolesRecord | null): LinkDirection {
  if (roles === null) return 'unknown';
  const others = Object.values(roles.topics).map(({ region }) => region);
  const isOfRest = roles.primary.region === source;
  if (isOfRest) return others.some((region) => region !== source) ? 'both' : 'copies';
  return others.includes(source) ? 'both' : 'standby';
}

function placeOf(key: string): { link: string; topic: string | null } {
  const slash = key.indexOf('/');
  return slash < 0 ? { link: key, topic: null } : { link: key.slice(0, slash), topic: key.slice(slash + 1) };
}

function countBy(states: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const state of states) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
