// A replication group on one screen: what is wrong comes last, where the eye of a person at a prompt is.
import { formatRate, timeOf } from '../../failover/loss/index.ts';
import {
  type GroupStanding,
  type KnownLoss,
  type LinkStanding,
  type PrimarySince,
  some,
} from '../../failover/standing/index.ts';
import { formatAge, unknown } from '../fleet/format.ts';
import type { Output } from '../output/output.ts';
import { formatTable } from '../output/table.ts';
import { formatCount, formatDuration, plural } from '../output/units.ts';

const none = '-';

export function statusText(standing: GroupStanding, output: Output): string {
  const { failovers, moves, problems, atMs } = standing;
  return [
    `group ${standing.group}  ${primaryWords(standing)}\n`,
    `\n${regionsTable(standing, output)}`,
    `\n${linksTable(standing)}`,
    ...(failovers.length === 0 ? [] : ['\n']),
    ...failovers.flatMap(({ to, blocked, loss, reverse }) => [
      blocked === null
        ? `a failover to ${to} now would lose ${lossWords(loss)}\n`
        : `nothing can fail over to ${to} now: ${blocked}\n`,
      reverse.length === 0
        ? '  the way back is ready\n'
        : `  the way back is NOT ready: ${reverse.join('; ')}\n`,
    ]),
    ...moves.map(
      ({ kind, from, to, step, startedAtMs, by }) =>
        `\nrunning: ${kind} from ${from} to ${to} by ${by}, begun ${formatAge(startedAtMs, atMs)}, at step ${step}\n`,
    ),
    problems.length === 0
      ? `\n${output.mark('ok')}  nothing that is known would make a failover unsafe\n`
      : `\n${problems.map(({ what, remedy }) => `${output.mark('bad')}  ${what}\n        ${remedy}\n`).join('')}`,
  ].join('');
}

/** `switchover m-7 by ann@laptop`, `declared by agent-1`. */
function changeWords({ changedBy, moveId, by }: PrimarySince): string {
  return `${moveId === null ? changedBy : `${changedBy} ${moveId}`} by ${by}`;
}

/** `primary us-east since 2026-11-21 11:55:00 UTC (failover m-7 by ann@laptop), roles generation 3; ...`. */
function primaryWords({ roles, primarySince }: GroupStanding): string {
  if (roles === null) return `primary ${unknown}: no region that answers has roles`;
  const { primary, generation, topics } = roles;
  const since =
    primarySince === null
      ? `since generation ${primary.sinceGeneration} of the roles`
      : `since ${timeOf(primarySince.atMs)} (${changeWords(primarySince)})`;
  const others = Map.groupBy(
    Object.entries(topics).filter(([, { region }]) => region !== primary.region),
    ([, { region }]) => region,
  );
  const exceptions = [...others].map(
    ([region, own]) => `; ${region} is primary for ${some(own.map(([topic]) => topic))}`,
  );
  return `primary ${primary.region} ${since}, roles generation ${generation}${exceptions.join('')}`;
}

function regionsTable({ roles, regions }: GroupStanding, output: Output): string {
  return formatTable(
    ['REGION', 'ROLE', 'AGENTS', 'ROLES', 'STATE'].map((title) => ({ title })),
    regions.map(({ name, gone, isPrimary, ownTopics, livingAgents, rolesGeneration, awaitsRestore }) => [
      name,
      `${roles === null ? unknown : isPrimary ? 'primary' : 'standby'}${ownTopics.length === 0 ? '' : `, primary for ${some(ownTopics)}`}`,
      livingAgents === null ? unknown : String(livingAgents),
      gone !== null ? unknown : rolesGeneration === null ? 'none' : `generation ${rolesGeneration}`,
      gone !== null
        ? output.paint('red', `GONE: ${gone}`)
        : awaitsRestore.length > 0
          ? `awaits restore: ${some(awaitsRestore)}`
          : 'answers',
    ]),
  );
}

function linksTable({ links }: GroupStanding): string {
  return formatTable(
    [
      { title: 'LINK' },
      { title: 'FROM' },
      { title: 'TO' },
      { title: 'DOES' },
      { title: 'MIRRORS' },
      { title: 'PARTITIONS', align: 'right' },
      { title: 'LAG', align: 'right' },
      { title: 'BEHIND', align: 'right' },
      { title: 'SOURCE HEARD' },
      { title: 'CONDITION' },
    ],
    links.map((link) => [
      ...[link.name, link.source, link.destination, doesWords(link)],
      Object.entries(link.mirrors)
        .map(([state, count]) => `${formatCount(count)} ${state}`)
        .join(', ') || none,
      link.partitionCount === 0 ? none : formatCount(link.partitionCount),
      ...lagCells(link),
      link.loss.heardAgoMs === null ? none : `${formatDuration(link.loss.heardAgoMs)} ago`,
      conditionWords(link),
    ]),
  );
}

function doesWords({ isThere, direction }: LinkStanding): string {
  if (isThere === null) return unknown;
  if (!isThere) return 'NOT THERE';
  return direction === 'both' ? 'copies some' : direction;
}

function lagCells({ partitionCount, lagRecords, behindMs, unknownCount }: LinkStanding): string[] {
  if (partitionCount === 0) return [none, none];
  const others = unknownCount === 0 ? '' : `, ${unknown} for ${formatCount(unknownCount)}`;
  return [
    lagRecords === null ? unknown : `${formatCount(lagRecords)}${others}`,
    behindMs === null ? unknown : formatDuration(behindMs),
  ];
}

function conditionWords({ conditions, ended }: LinkStanding): string {
  const states = [...Map.groupBy(conditions, ({ state }) => state)].map(([state, { length }]) =>
    length === 1 ? state : `${formatCount(length)} ${state}`,
  );
  const words = [...states, ...(ended.length === 0 ? [] : [some(ended)])];
  return words.length === 0 ? none : words.join(', ');
}

/** `at least 120 records; the source was last heard 2.0 s ago at 60 records a second; later is unknown`. */
export function lossWords(loss: KnownLoss): string {
  const { recordsMin, partitionCount, unseenCount, heardAgoMs, perSecond } = loss;
  if (unseenCount > 0 && unseenCount === partitionCount)
    return `an ${unknown} number of records: nothing is known of ${plural(unseenCount, 'partition')}`;
  const rate = perSecond === null ? 'at an unknown rate' : `at ${formatRate(perSecond)}`;
  const heard =
    heardAgoMs === null
      ? 'when the source was last heard is unknown'
      : `the source was last heard ${formatDuration(heardAgoMs)} ago ${rate}`;
  const unseen =
    unseenCount === 0
      ? ''
      : `; of ${formatCount(unseenCount)} of ${plural(partitionCount, 'partition')} nothing is known`;
  return `at least ${plural(recordsMin, 'record')}${unseen}; ${heard}; later is unknown`;
}
