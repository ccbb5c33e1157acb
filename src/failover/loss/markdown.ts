// The loss report as a page to send around: what happened, what it cost, tables, and what to do next. Pure.
import { formatCount, plural } from '../../units.ts';
import { costSentence, missingOf } from './totals.ts';
import type { GroupBack, LossReport, LostTransaction, PartitionLoss, TopicLoss } from './types.ts';

const unknown = 'unknown';
/** A page is read by people; the rest stands in --json. */
const rowsMax = 50;

export function lossMarkdown(report: LossReport): string {
  const { summary, topics } = report;
  const { from, to, by, startedAtMs, completedAtMs, moveId, group } = summary;
  const status =
    completedAtMs === null
      ? `Not complete: ${from} has not been read since. \`lockstep loss FILE\` completes it when the region is back.`
      : `Complete: read from ${from} itself at ${timeOf(completedAtMs)}.`;
  return [
    `# Failover from ${from} to ${to}`,
    `At ${timeOf(startedAtMs)}, ${code(by)} moved the work of ${group} from ${from}, which was lost, to ${to} (move ${moveId}).`,
    `**${costSentence(report)}**`,
    status,
    '## What to do next',
    nextSteps(report)
      .map((step, index) => `${index + 1}. ${step}`)
      .join('\n'),
    '## Partitions',
    partitionTable(topics),
    ...section('Transactions', transactionLines(summary.transactions, summary.transactionsLostCount)),
    ...section('Consumer groups that went back', groupTable(summary.groups)),
    ...section(
      'Remarks',
      summary.remarks.map((remark) => `- ${remark}`),
    ),
  ]
    .map((block) => `${block}\n`)
    .join('\n');
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`## ${title}`, lines.join('\n')];
}

/** What follows from this report, in the order in which it is done. */
export function nextSteps({ summary }: LossReport): string[] {
  const { from, completedAtMs, transactions, groups } = summary;
  return [
    'Systems that keep offsets outside of Kafka (Flink, Spark, sink connectors) must be rewound to the cut offset where theirs is higher: from the cut on, the same offset holds another record.',
    ...(transactions.length === 0
      ? []
      : [
          'Look at the transactions below: some of their records came over and others did not, or may not have.',
        ]),
    ...(groups.length === 0
      ? []
      : [
          'Consumers of the groups below read some records again, or had read records that do not exist any more.',
        ]),
    ...(completedAtMs === null
      ? [
          `Keep the disks of ${from}: what never came over stands there only.`,
          `When ${from} is back: \`lockstep loss FILE\` reads what is missing exactly.`,
        ]
      : []),
    `Then \`lockstep restore ${from} FILE\`: it saves what stands there only, and makes the region a mirror again.`,
  ];
}

function partitionTable(topics: readonly TopicLoss[]): string {
  const rows = topics.flatMap((topic) => topic.partitions.map((partition) => cells(topic, partition)));
  return table(
    ['Topic', 'Partition', 'Cut offset', 'Source end', 'Seen', 'Missing', 'Undecided', 'Tail replicated'],
    // What lost something comes first.
    rows.sort((a, b) => Number(b.isLossy) - Number(a.isLossy)).map((row) => row.cells),
  );
}

function cells({ mirrorTopic }: TopicLoss, partition: PartitionLoss): { isLossy: boolean; cells: string[] } {
  const { cutOffset, sourceEnd, sourceSeenAtMs, exact, isReplicated } = partition;
  return {
    isLossy: missingOf(partition) !== 0n,
    cells: [
      ...[mirrorTopic, String(partition.partition), cutOffset, exact?.end ?? sourceEnd ?? unknown],
      exact !== null ? 'read' : sourceSeenAtMs === null ? 'never' : timeOf(sourceSeenAtMs),
      missingWords(partition),
      undecidedWords(partition),
      isReplicated ? 'yes' : 'NO',
    ],
  };
}

/** `17 records`, `at least 17 offsets`, `unknown`, and what is special about them. */
export function missingWords({ exact, missing }: PartitionLoss): string {
  // What was seen there last came over: that says nothing of what came later.
  if (exact === null && (missing === null || missing === '0')) return unknown;
  if (exact === null) return `at least ${plural(BigInt(missing!), 'offset')}`;
  const others = [
    ...(exact.abortedRecords === '0' ? [] : [`${formatCount(BigInt(exact.abortedRecords))} aborted`]),
    ...(exact.deletedOffsets === '0' ? [] : [`${exact.deletedOffsets} offsets deleted there since`]),
  ];
  const records = plural(BigInt(exact.records), 'record');
  return others.length === 0 ? records : `${records} (${others.join(', ')})`;
}

/** `12 offsets from 100 on`, `none`, `unknown`. */
export function undecidedWords({ exact, undecided, sourceEnd }: PartitionLoss): string {
  if (exact !== null)
    return exact.undecidedOffsets === '0' ? 'none' : plural(BigInt(exact.undecidedOffsets), 'offset');
  if (undecided !== null)
    return `${plural(BigInt(undecided.to) - BigInt(undecided.from), 'offset')} from ${undecided.from} on`;
  return sourceEnd === null ? unknown : 'none seen';
}

function transactionLines(transactions: readonly LostTransaction[], lostCount: number | null): string[] {
  if (transactions.length === 0 && lostCount === null) return [];
  const whole =
    lostCount === null
      ? [
          'Which committed transactions are missing as a whole, or in part, is unknown until the region is back.',
        ]
      : [
          `${plural(lostCount, 'committed transaction')} ${lostCount === 1 ? 'is' : 'are'} missing as a whole.`,
        ];
  if (transactions.length === 0) return whole;
  const rows = transactions.map((transaction) => transactionCells(transaction));
  return [...whole, '', table(['Transactional id', 'Producer', 'What', 'Came over', 'Missing'], rows)];
}

export function transactionCells(transaction: LostTransaction): string[] {
  const { transactionalId, producerId, here, missing } = transaction;
  return [
    transactionalId ?? unknown,
    producerId ?? unknown,
    transactionWords(transaction),
    here === null ? unknown : here.join(', '),
    missing.join(', '),
  ];
}

/** `split by the cut, committed at the lost region (likely one transaction)`. */
function transactionWords({ kind, outcome, matchedBy }: LostTransaction): string {
  const what = kind === 'split' ? 'split by the cut' : 'undecided at the cut';
  const fate = outcome === null ? '; what became of it is unknown' : `, ${outcome} at the lost region`;
  return `${what}${fate}${matchedBy === 'time' ? ' (likely one transaction, by its time)' : ''}`;
}

function groupTable(groups: readonly GroupBack[]): string[] {
  if (groups.length === 0) return [];
  return [table(['Group', 'Topic', 'Partition', 'Was at', 'Is at', 'Went back'], groups.map(groupCells))];
}

export function groupCells(group: GroupBack): string[] {
  const { topic, partition, was, is, isExact } = group;
  const seen = isExact ? was : `${was} (as heard last)`;
  return [group.group, topic, String(partition), seen, is ?? 'none', backWords(group)];
}

/** `by 30: 10 are read again, 20 do not exist any more`. */
function backWords({ was, is, again, gone }: GroupBack): string {
  const gones = gone === '0' ? [] : [`${formatCount(BigInt(gone))} do not exist any more`];
  if (is === null) return ['auto.offset.reset decides where it begins', ...gones].join('; ');
  const agains = again === null || again === '0' ? [] : [`${formatCount(BigInt(again))} are read again`];
  return `by ${formatCount(BigInt(was) - BigInt(is))}: ${[...agains, ...gones].join(', ')}`;
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escaped).join(' | ')} |`;
  const more = rows.length - rowsMax;
  return [
    line(titles),
    line(titles.map(() => '---')),
    ...rows.slice(0, rowsMax).map(line),
    ...(more > 0
      ? ['', `And ${formatCount(more)} more; \`lockstep loss FILE --json\` has all of them.`]
      : []),
  ].join('\n');
}

/** Names of groups and ids are anybody's. */
function escaped(text: string): string {
  return text.replace(/[\\|`*_[\]<>]/g, '\\$&').replace(/\s+/g, ' ');
}

function code(text: string): string {
  return `\`${text.replace(/`/g, "'")}\``;
}

/** `2026-11-21 14:03:05 UTC`. */
export function timeOf(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
