// What a restore would do and cost, told before it begins.
import {
  assumedBytesPerSecond,
  copiedTopics,
  copyBytesOf,
  costOf,
  deletedTopics,
  type HistoryChoice,
  historyChoices,
  lacksRoom,
  olderName,
  olderOffsets,
  type RestorePlan,
  standingWords,
  type TopicPlan,
  takenOffsets,
} from '../../failover/restore/index.ts';
import { formatTable } from '../output/table.ts';
import { formatBytes, formatBytesPerSecond, formatCount, formatDuration, plural } from '../output/units.ts';

/** A screen has no room for more topics; --json has all. */
const rowsMax = 30;
const unknown = '?';

export interface PlanShown {
  readonly plan: RestorePlan;
  readonly history: HistoryChoice;
  /** Null: everything in front of the cuts was compared. */
  readonly windowOffsets: bigint | null;
}

/** Lines for a terminal. */
export function planLines(shown: PlanShown): string[] {
  const { plan } = shown;
  const { region, home, topics } = plan;
  const continuing = topics.filter(({ fate }) => fate === 'continue').length;
  const left = topics.filter(({ fate }) => fate === 'leaveAlone').map(({ topic }) => topic);
  return [
    `${region} is restored from ${home}: ${plural(topics.length, 'topic')}`,
    `  ${plural(continuing, 'topic')} continued in place: nothing of that is copied again`,
    ...(left.length > 0
      ? [`  ${left.join(', ')}: not at ${home} (any more); left alone, and waiting as before`]
      : []),
    ...(plan.onlyHere.length > 0
      ? [
          `  ${plan.onlyHere.join(', ')}: only at ${region}, never came over; left as they are, and mirrored when ${region} is primary again`,
        ]
      : []),
    ...continuedLines(plan),
    ...takenLines(plan),
    ...(copiedTopics(plan).length > 0 ? copiedLines(shown) : []),
    ...comparedLines(shown),
    `committed positions at ${region} are those that the link's group sync brings; a restore changes none itself`,
  ];
}

/** Mirrors that are `Diverged`. */
function continuedLines({ region, home, topics }: RestorePlan): string[] {
  const continued = topics
    .filter(({ partitions }) => partitions.some(({ wasContinued }) => wasContinued === true))
    .map(({ topic }) => topic);
  if (continued.length === 0) return [];
  return [
    `  ${continued.join(', ')}: somebody wrote to ${region}, although ${home} is primary; nothing is copied into it while this goes on`,
  ];
}

/** What is lost for good has to be said. */
function takenLines({ region, topics }: RestorePlan): string[] {
  return topics.flatMap(({ topic, partitions }) =>
    partitions
      .filter((partition) => takenOffsets(partition) > 0n)
      .map(
        ({ partition, cutOffset, logStart }) =>
          `  LOST: ${topic}-${partition}: retention at ${region} has taken offsets ${cutOffset} to ${logStart - 1n}, which never came over`,
      ),
  );
}

function copiedLines({ plan, history }: PlanShown): string[] {
  const { region, home } = plan;
  const copied = copiedTopics(plan);
  const deleted = deletedTopics(plan);
  const more = copied.length - rowsMax;
  return [
    `  ${plural(copied.length, 'topic')} can't be continued; copied from ${home}:`,
    '',
    ...topicTable(copied.slice(0, rowsMax)).trimEnd().split('\n'),
    ...(more > 0 ? [`and ${plural(more, 'more topic')}; --json shows all`] : []),
    '',
    ...costTable(plan, history).trimEnd().split('\n'),
    `(bytes are those of one log, in proportion to offsets; time at ${formatBytesPerSecond(assumedBytesPerSecond)}, which is assumed and not measured)`,
    '',
    ...(deleted.length > 0 ? deletionLines(plan) : []),
    ...(lacksRoom(costOf(plan), history)
      ? [`WARNING: the disks of ${region} do not have the room for it`]
      : []),
    ...compactedLines(plan, history),
  ];
}

function deletionLines(plan: RestorePlan): string[] {
  const { region } = plan;
  const deleted = deletedTopics(plan);
  const saved = deleted.filter(({ partitions }) => partitions.some((one) => one.partingOffset < one.logEnd));
  const older = deleted.filter((topic) => olderOffsets(topic) > 0n);
  const { saveMs } = costOf(plan);
  return [
    `saved first, at ${region}, for ever (retention.ms=-1), and read back:`,
    ...saved
      .slice(0, rowsMax)
      .map(({ topic, savedTo }) => `  what only ${topic} of ${region} has, to ${savedTo}`),
    ...older.slice(0, rowsMax).map((topic) => olderLine(plan, topic)),
    ...(saved.length + older.length === 0 ? ['  nothing: there is no record that only it has'] : []),
    ...(saveMs === null ? [] : [`  that takes about ${formatDuration(saveMs)} at the pace above`]),
    `DELETED then, at ${region}: ${deleted.map(({ topic }) => topic).join(', ')}`,
    '',
  ];
}

function olderLine({ home }: RestorePlan, topic: TopicPlan): string {
  const offsets = plural(olderOffsets(topic), 'offset');
  return `  older history of ${topic.topic} that ${home} does not have: ${offsets}, ${bytesCell(topic.cost.olderBytes)}, to ${olderName(topic.savedTo!)}`;
}

function compactedLines(plan: RestorePlan, history: HistoryChoice): string[] {
  const compacted = copiedTopics(plan).filter(({ isCompacted }) => isCompacted);
  if (history === 'all' || compacted.length === 0) return [];
  return [
    `${compacted.map(({ topic }) => topic).join(', ')}: compacted, and copied as a whole: the newest value of a key may be old`,
  ];
}

function comparedLines({ plan, windowOffsets }: PlanShown): string[] {
  const known = plan.topics
    .flatMap(({ partitions }) => partitions)
    .filter(({ compared }) => compared !== null);
  if (known.length === 0) return [];
  const uncut = known.filter(({ cutOffset }) => cutOffset === null).length;
  return [
    windowOffsets === null
      ? 'compared: everything that both sides have in front of the cuts'
      : `compared: the last ${formatCount(windowOffsets)} offsets in front of each cut, and more where they differ; below, the mirror's own promise is trusted (--compare all compares everything)`,
    ...(known.some(({ wasContinued }) => wasContinued === true)
      ? ['what was mirrored until somebody else wrote is compared from the cut to its end']
      : []),
    ...(uncut > 0 ? [`${plural(uncut, 'partition')} without a known cut: compared from the start`] : []),
  ];
}

function topicTable(topics: readonly TopicPlan[]): string {
  return formatTable(
    [
      { title: 'TOPIC' },
      { title: 'PARTED', align: 'right' },
      { title: 'ONLY HERE', align: 'right' },
      { title: 'COPY ALL', align: 'right' },
      { title: 'FROM DIVERGENCE', align: 'right' },
      { title: 'WHY' },
    ],
    topics.map((topic) => [
      topic.topic,
      partedCell(topic),
      bytesCell(topic.fate === 'copyAnew' ? 0n : topic.cost.tailBytes),
      bytesCell(copyBytesOf(topic, 'all')),
      bytesCell(copyBytesOf(topic, 'from-divergence')),
      whyCell(topic),
    ]),
  );
}

/** `2 of 6`: partitions that can't be continued. */
function partedCell({ partitions, fate }: TopicPlan): string {
  if (fate === 'copyAnew') return '-';
  const parted = partitions.filter(({ standing }) => standing !== 'continues').length;
  return `${parted} of ${partitions.length}`;
}

function whyCell({ partitions, fate }: TopicPlan): string {
  if (fate === 'copyAnew') return 'is not there';
  const parted = partitions.filter(({ standing }) => standing !== 'continues');
  const kinds = [...new Set(parted.map(({ standing }) => standingWords[standing]))];
  const [first] = parted;
  const offsets = parted.reduce((sum, { partingOffset, logEnd }) => sum + logEnd - partingOffset, 0n);
  const place =
    first !== undefined && (first.standing === 'ahead' || first.standing === 'different')
      ? ` (partition ${first.partition} from offset ${first.partingOffset} to ${first.logEnd}; at most ${plural(offsets, 'record')} in all)`
      : '';
  return `${kinds.join('; ')}${place}`;
}

function costTable(plan: RestorePlan, history: HistoryChoice): string {
  const cost = costOf(plan);
  const { region, home } = plan;
  const row = (title: string, cell: (choice: HistoryChoice) => string): string[] => [
    title,
    ...historyChoices.map(cell),
  ];
  const free = cost.usableBytes === null ? 'free: unknown' : `${formatBytes(cost.usableBytes)} free`;
  return formatTable(
    [
      { title: '' },
      ...historyChoices.map((choice) => ({
        title: `--history ${choice}${choice === history ? ' (chosen)' : ''}`,
        align: 'right' as const,
      })),
    ],
    [
      row(`traffic from ${home} to ${region}`, (choice) => bytesCell(cost.byChoice[choice].trafficBytes)),
      row(`disks of ${region} in the end (${free})`, (choice) => signedCell(cost.byChoice[choice].diskBytes)),
      row('time to copy', (choice) => {
        const { durationMs } = cost.byChoice[choice];
        return durationMs === null ? unknown : `about ${formatDuration(durationMs)}`;
      }),
    ],
  );
}

function bytesCell(bytes: bigint | null): string {
  return bytes === null ? unknown : formatBytes(bytes);
}

function signedCell(bytes: bigint | null): string {
  if (bytes === null) return unknown;
  return bytes < 0n ? `-${formatBytes(-bytes)}` : `+${formatBytes(bytes)}`;
}

/** For programs. */
export function planAsJson({ plan, history, windowOffsets }: PlanShown) {
  const { usableBytes, ...rest } = plan;
  return {
    ...rest,
    history,
    comparedOffsetsMax: windowOffsets,
    cost: costOf(plan),
    usableBytes: Array.from(usableBytes, ([brokerId, bytes]) => ({ brokerId, usableBytes: bytes })),
    deletes: deletedTopics(plan).map(({ topic }) => topic),
  };
}
