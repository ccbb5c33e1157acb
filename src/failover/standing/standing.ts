// A replication group as it stands: regions, links, what a failover now would lose, and what makes it unsafe. Pure.
import { followed, type MoveRecord, type RolesRecord } from '../../control/index.ts';
import type { LinkConfig, ReplicationGroupConfig } from '../../topology/index.ts';
import { plural } from '../../units.ts';
import { sumLosses } from './known-loss.ts';
import { type LinkLook, lookAtLink } from './links.ts';
import type { RegionLook } from './look.ts';
import { problemsOf } from './problems.ts';
import type {
  FailoverOutlook,
  GroupStanding,
  LinkStanding,
  PrimarySince,
  RegionStanding,
  SplitBrain,
} from './types.ts';

export interface StandingInput {
  readonly group: ReplicationGroupConfig;
  readonly links: readonly LinkConfig[];
  readonly roles: RolesRecord | null;
  readonly regions: readonly RegionLook[];
  readonly splitBrains: readonly SplitBrain[];
  readonly atMs: number;
  /** As it is typed: stands in remedies. */
  readonly file: string;
}

export function standingOf(input: StandingInput): GroupStanding {
  const { group, roles, atMs, splitBrains } = input;
  const byName = new Map(input.regions.map((region) => [region.name, region]));
  const looks = input.links.map((link) => lookAtLink(link, roles, byName.get(link.destination)!));
  const regions = input.regions.map((region) => regionStanding(region, group.name, roles));
  const links = looks.map(({ standing }) => standing);
  const standing = {
    ...{ group: group.name, atMs, roles, regions, links, splitBrains },
    primarySince: primarySince(roles, input.regions),
    failovers: roles === null ? [] : outlooks(roles, regions, looks),
    moves: runningMoves(input.regions, group.name),
  };
  return { ...standing, problems: problemsOf(standing, input.file) };
}

function regionStanding(
  { name, gone, state, living }: RegionLook,
  group: string,
  roles: RolesRecord | null,
): RegionStanding {
  const isPrimary = roles?.primary.region === name;
  const own = state?.roles.get(group);
  const apart = own === undefined || roles === null ? null : followed(roles, own);
  return {
    ...{ name, gone, isPrimary },
    ownTopics: Object.entries(roles?.topics ?? {})
      .filter(([, { region }]) => region === name && !isPrimary)
      .map(([topic]) => topic),
    rolesGeneration: own?.generation ?? null,
    contradictions: apart?.kind === 'split' ? apart.differences : [],
    livingAgents: gone === null ? living.size : null,
    awaitsRestore:
      roles !== null && Object.hasOwn(roles.awaitsRestore, name) ? roles.awaitsRestore[name]! : [],
  };
}

/** Roles change for other reasons, too: a restore leaves the primary as it is. */
function primarySince(roles: RolesRecord | null, regions: readonly RegionLook[]): PrimarySince | null {
  if (roles === null) return null;
  const { primary, generation, changedBy, moveId, by, atMs } = roles;
  if (primary.sinceGeneration === generation) return { atMs, changedBy, moveId, by };
  for (const { state } of regions)
    for (const move of state?.moves.values() ?? [])
      if (
        move.group === roles.group &&
        move.to === primary.region &&
        move.rolesGeneration + 1 === primary.sinceGeneration
      )
        return { atMs: move.changedAtMs, changedBy: move.kind, moveId: move.id, by: move.by };
  return null;
}

/** The newest that is told of each move, of those that run. */
function runningMoves(regions: readonly RegionLook[], group: string): MoveRecord[] {
  const newest = new Map<string, MoveRecord>();
  for (const { state } of regions)
    for (const move of state?.moves.values() ?? [])
      if (move.group === group && move.revision >= (newest.get(move.id)?.revision ?? 0))
        newest.set(move.id, move);
  return [...newest.values()].filter(({ state }) => state === 'running');
}

function outlooks(
  roles: RolesRecord,
  regions: readonly RegionStanding[],
  looks: readonly LinkLook[],
): FailoverOutlook[] {
  const primaries = new Set([
    roles.primary.region,
    ...Object.values(roles.topics).map(({ region }) => region),
  ]);
  return regions
    .filter(({ name }) => [...primaries].some((primary) => primary !== name))
    .map((region) => {
      const { name } = region;
      const from = [...primaries].filter((primary) => primary !== name).sort();
      const into = looks.filter(
        ({ standing }) => standing.destination === name && from.includes(standing.source),
      );
      const useful = into.filter(({ copied }) => copied.length > 0);
      return {
        ...{ to: name, from, blocked: blockedBy(region, useful.length > 0) },
        loss: sumLosses(useful.map(({ standing }) => standing.loss)),
        reverse: from.flatMap((primary) => reverseLacks({ from: name, to: primary }, regions, looks)),
      };
    });
}

function blockedBy({ gone, awaitsRestore }: RegionStanding, isMirrored: boolean): string | null {
  if (gone !== null) return 'it does not answer';
  if (awaitsRestore.length > 0)
    return `${plural(awaitsRestore.length, 'topic')} there ${awaitsRestore.length === 1 ? 'awaits' : 'await'} a restore`;
  return isMirrored ? null : 'nothing is mirrored there';
}

/** What keeps a link from `from` to `to` from beginning to copy as soon as the roles turn. */
function reverseLacks(
  { from, to }: { from: string; to: string },
  regions: readonly RegionStanding[],
  looks: readonly LinkLook[],
): string[] {
  const region = regions.find(({ name }) => name === to);
  if (region === undefined || region.gone !== null) return [`${to} does not answer`];
  const own = looks
    .map(({ standing }) => standing)
    .filter(({ source, destination }) => source === from && destination === to);
  const conditions = (link: LinkStanding) =>
    link.conditions
      .filter(({ topic }) => topic === null)
      .map(({ state, reason }) => `${link.name} is ${state}: ${reason}`);
  return [
    ...(own.length === 0 ? [`the group has no link from ${from} to ${to}`] : []),
    ...own.filter(({ isThere }) => isThere === false).map(({ name }) => `link ${name} is not there`),
    ...(region.livingAgents === 0 ? [`no agent lives at ${to}`] : []),
    ...own.flatMap(conditions),
  ];
}
