// Descriptions as text. What is unknown is the word `unknown`.
import type { ToldRecord } from '../../control/index.ts';
import { hasEnded } from '../../mirror/partition/ended.ts';
import type { Output } from '../output/output.ts';
import { type Column, formatTable } from '../output/table.ts';
import { formatCount, formatDuration, plural } from '../output/units.ts';
import type {
  AgentDescription,
  Condition,
  Lag,
  LinkDescription,
  MirrorDescription,
  PartitionDescription,
} from './describe.ts';

export const unknown = 'unknown';
/** Where a figure would say nothing. */
const none = '-';

/** `12.0 s ago`. */
export function formatAge(atMs: number | null, nowMs: number): string {
  return atMs === null ? unknown : `${formatDuration(Math.max(0, nowMs - atMs))} ago`;
}

/** `1,234, unknown for 2 partitions`. */
function formatLagRecords({ lagRecords, unknownCount }: Lag): string {
  if (lagRecords === null) return unknownCount === 0 ? none : unknown;
  const known = formatCount(lagRecords);
  return unknownCount === 0 ? known : `${known}, unknown for ${plural(unknownCount, 'partition')}`;
}

function formatBehind({ behindMs, unknownCount, lagRecords }: Lag): string {
  if (lagRecords === null && unknownCount === 0) return none;
  return behindMs === null ? unknown : formatDuration(behindMs);
}

/** Items of a list as they are typed; all of it where nothing limits it. */
function words(value: unknown): string {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

export function linksTable(links: readonly LinkDescription[]): string {
  return formatTable(
    [
      { title: 'LINK' },
      { title: 'SOURCE' },
      { title: 'DESTINATION' },
      { title: 'TOPICS' },
      { title: 'MIRRORS', align: 'right' },
      { title: 'STATES' },
      { title: 'LAG', align: 'right' },
      { title: 'BEHIND', align: 'right' },
    ],
    links.map((link) => [
      link.name,
      link.source.name,
      link.destination,
      words(link.config.topics ?? []),
      String(link.mirrors.length),
      formatStates(link),
      formatLagRecords(link),
      formatBehind(link),
    ]),
  );
}

/** `2 Mirroring, 1 Paused`, and what keeps the link as a whole from working. */
function formatStates({ isDeleted, condition, mirrors }: LinkDescription): string {
  if (isDeleted) return 'being deleted';
  const groups = Map.groupBy(mirrors, (mirror) => mirror.state);
  const states = [...groups].map(([state, { length }]) => `${formatCount(length)} ${state}`);
  if (condition !== null) states.push(condition.state);
  return states.length === 0 ? none : states.join(', ');
}

/** `Refused for 5.0 s: the mirror topic has another number of partitions`. */
function formatCondition({ state, reason, sinceMs }: Condition, nowMs: number): string {
  const age = formatDuration(Math.max(0, nowMs - sinceMs));
  return `${state} for ${age}${reason === '' ? '' : `: ${reason}`}`;
}

export function mirrorsTable(mirrors: readonly MirrorDescription[], nowMs: number): string {
  return formatTable(
    [
      { title: 'LINK' },
      { title: 'TOPIC' },
      { title: 'MIRROR' },
      { title: 'STATE' },
      { title: 'SINCE' },
      { title: 'PARTITIONS', align: 'right' },
      { title: 'LAG', align: 'right' },
      { title: 'BEHIND', align: 'right' },
    ],
    mirrors.map((mirror) => [
      mirror.link,
      mirror.sourceTopic,
      mirror.mirrorTopic,
      formatMirrorState(mirror),
      formatAge(mirror.sinceMs, nowMs),
      String(mirror.partitionCount),
      mirror.isCopied ? formatLagRecords(mirror) : none,
      mirror.isCopied ? formatBehind(mirror) : none,
    ]),
  );
}

/** `Mirroring, 2 Fenced`: what it is meant to do, what keeps it from that, and how many partitions have ended. */
function formatMirrorState({ state, condition, isCopied, partitions }: MirrorDescription): string {
  const states = isCopied ? partitions.map((partition) => partition.state) : [];
  const ended = states.filter((each) => each !== null && hasEnded(each));
  const counts = [...Map.groupBy(ended, (end) => end)].map(
    ([end, { length }]) => `${formatCount(length)} ${end}`,
  );
  return [state, ...(condition === null ? [] : [condition.state]), ...counts].join(', ');
}

const factIndent = 14;

/** `  topics        orders, payments.*`. */
function fact(name: string, value: string): string {
  return `  ${name.padEnd(factIndent - 1)} ${value}\n`;
}

/** A link's own facts; its mirrors and agents follow as tables. */
export function linkFacts(link: LinkDescription, nowMs: number): string {
  const { source } = link;
  const where =
    source.isInAgentFile === true ? `${source.name} (as the agents’ own file says)` : sourceWords(link);
  return [
    `link ${link.name}${link.isDeleted ? ' (being deleted)' : ''}\n`,
    fact('source', where),
    fact('cluster id', link.sourceClusterId ?? unknown),
    fact('destination', link.destination),
    fact('generation', `${link.generation}, changed ${formatAge(link.changedAtMs, nowMs)}`),
    ...Object.entries(link.config)
      .filter(([, value]) => !isEmptyList(value))
      .map(([key, value]) => fact(key, words(value))),
    fact('lag', formatLag(link)),
    ...(link.heldBackCount === 0
      ? []
      : [fact('held back', `${plural(link.heldBackCount, 'partition')}, by the link’s bytesPerSecondMax`)]),
    ...(link.config.separateProducerIds === true
      ? [fact('producer ids', formatProducerIds(link.producerIds, nowMs))]
      : []),
    ...(link.told ?? []).map((told) => fact(told.kind, formatTold(told, nowMs))),
    ...(link.told === null ? [fact('told', unknown)] : []),
    ...(link.condition === null ? [] : [fact('condition', formatCondition(link.condition, nowMs))]),
    ...link.topicConditions.map((condition) => fact(condition.topic, formatCondition(condition, nowMs))),
  ].join('');
}

/** `Telling into heartbeats, last 1.0 s ago`; why not, where nothing can be told. */
function formatTold(told: ToldRecord, nowMs: number): string {
  const { state, topic, reason, lastWrittenAtMs } = told;
  const positions = told.kind === 'checkpoints' ? `${plural(told.positionCount, 'position')}, ` : '';
  const last = lastWrittenAtMs === null ? 'nothing yet' : `last ${formatAge(lastWrittenAtMs, nowMs)}`;
  return `${state} into ${topic}, ${positions}${last}${reason === null ? '' : `: ${reason}`}`;
}

/** `1,234,000 ahead`; what is wanted, and until when, while they are not that far apart. */
function formatProducerIds(told: LinkDescription['producerIds'], nowMs: number): string {
  if (told === null) return unknown;
  const { state, ahead, wantedAhead, idsPerSecond, atMs, error } = told;
  const age = `told ${formatAge(atMs, nowMs)}`;
  if (state === 'standsBy') return `stands by: kept by the link that comes from the primary (${age})`;
  const missing = wantedAhead - (ahead ?? 0);
  const far = ahead === null ? unknown : `${formatCount(Math.abs(ahead))} ${ahead < 0 ? 'BEHIND' : 'ahead'}`;
  const until =
    ahead === null || missing <= 0
      ? ''
      : `, ${formatCount(wantedAhead)} wanted (${formatDuration((missing / idsPerSecond) * 1_000)} at ${formatCount(idsPerSecond)} ids a second)`;
  return `${far}${until}${error === null ? '' : `; ${age}: ${error}`}`;
}

function sourceWords({ source }: LinkDescription): string {
  const secured = [
    source.tls === undefined || source.tls === false ? [] : ['TLS'],
    source.sasl === undefined ? [] : ['SASL'],
  ].flat();
  const how = secured.length === 0 ? '' : ` (${secured.join(', ')})`;
  return `${source.name} at ${source.bootstrap.join(', ')}${how}`;
}

/** `1,234 records, 1.2 s`. */
export function formatLag(lag: Lag): string {
  if (lag.lagRecords === null) return formatLagRecords(lag);
  const records = lag.lagRecords === 0n ? 'none' : plural(lag.lagRecords, 'record');
  const time = lag.lagRecords === 0n ? '' : `, ${formatBehind(lag)}`;
  const others = lag.unknownCount === 0 ? '' : `, unknown for ${plural(lag.unknownCount, 'partition')}`;
  return `${records}${time}${others}`;
}

export function agentsTable(agents: readonly AgentDescription[], nowMs: number): string {
  return formatTable(
    [
      { title: 'AGENT' },
      { title: 'HOST' },
      { title: 'VERSION' },
      { title: 'PARTITIONS', align: 'right' },
      { title: 'LEADER' },
      { title: 'HEARD' },
      { title: 'API' },
    ],
    agents.map((agent) => [
      agent.id,
      `${agent.host} pid ${agent.pid}`,
      agent.version,
      agent.isAlive ? String(agent.partitionCount) : none,
      agent.isLeader && agent.isAlive ? 'yes' : 'no',
      `${formatAge(agent.atMs, nowMs)}${agent.isAlive ? '' : ', gone'}`,
      agent.api ?? none,
    ]),
  );
}

/** A mirror with a line for each partition. */
export function mirrorDetails(mirror: MirrorDescription, output: Output, nowMs: number): string {
  const name =
    mirror.mirrorTopic === mirror.sourceTopic
      ? mirror.sourceTopic
      : `${mirror.sourceTopic} -> ${mirror.mirrorTopic}`;
  const since = `for ${formatDuration(Math.max(0, nowMs - mirror.sinceMs))}`;
  const reason = mirror.reason === null ? '' : `: ${mirror.reason}`;
  const columns: Column[] = [
    { title: 'PARTITION', align: 'right' },
    { title: 'STATE' },
    { title: 'SOURCE END', align: 'right' },
    { title: 'MIRROR END', align: 'right' },
    { title: 'LAG', align: 'right' },
    { title: 'BEHIND', align: 'right' },
    { title: 'AGENT' },
    { title: 'TOLD' },
    { title: 'LAST FETCH' },
  ];
  const rows = mirror.partitions.map((partition) => partitionCells(partition, output, nowMs));
  const condition = mirror.condition === null ? '' : `  ${formatCondition(mirror.condition, nowMs)}\n`;
  return `mirror ${mirror.link}/${name}  ${mirror.state} ${since}${reason}\n${condition}${formatTable(columns, rows)}${partitionNotes(mirror.partitions)}`;
}

/** Why partitions are in their states, and what failed last: each text once, with all partitions that it is about. */
function partitionNotes(partitions: readonly PartitionDescription[]): string {
  const said = partitions.flatMap(({ partition, reason, lastError }) => [
    ...(reason === null ? [] : [{ partition, text: reason }]),
    ...(lastError === null || reason?.includes(lastError)
      ? []
      : [{ partition, text: `last error: ${lastError}` }]),
  ]);
  return [...Map.groupBy(said, ({ text }) => text)]
    .map(([text, about]) => {
      const numbers = about.map(({ partition }) => partition).join(', ');
      return `  ${about.length === 1 ? 'partition' : 'partitions'} ${numbers}: ${text}\n`;
    })
    .join('');
}

function partitionCells(status: PartitionDescription, output: Output, nowMs: number): string[] {
  const offset = (value: bigint | null): string => (value === null ? unknown : String(value));
  const told = formatAge(status.toldAtMs, nowMs);
  const isGone = status.agent !== null && !status.isAgentAlive;
  return [
    String(status.partition),
    status.state ?? unknown,
    offset(status.sourceEnd),
    offset(status.mirrorEnd),
    status.lagRecords === null ? unknown : formatCount(status.lagRecords),
    status.behindMs === null ? unknown : formatDuration(status.behindMs),
    status.agent ?? unknown,
    isGone ? output.paint('yellow', `${told}, agent gone`) : told,
    formatLastFetch(status),
  ];
}

/** Agents tell of a partition when something has changed: its age would only say how long nothing did. */
function formatLastFetch({ lastFetchAtMs, toldAtMs }: PartitionDescription): string {
  if (lastFetchAtMs === null || toldAtMs === null) return unknown;
  return `${formatDuration(Math.max(0, toldAtMs - lastFetchAtMs))} before`;
}
