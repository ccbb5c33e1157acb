// The loss report on a terminal: the cost first, then what lost something, then what to do.
import {
  costSentence,
  groupCells,
  type LossReport,
  missingWords,
  nextSteps,
  timeOf,
  transactionCells,
  undecidedWords,
} from '../../failover/loss/index.ts';
import { formatAge, unknown } from '../fleet/format.ts';
import type { Output } from '../output/output.ts';
import { formatTable } from '../output/table.ts';
import { plural } from '../output/units.ts';

/** Partitions that lost nothing are counted only, above so many. */
const wholeShownMax = 20;

export function lossText(report: LossReport, output: Output): string {
  const { summary } = report;
  const { from, to, by, startedAtMs, completedAtMs, transactions, transactionsLostCount, groups } = summary;
  const state =
    completedAtMs === null
      ? output.paint('yellow', `not complete: ${from} has not been read since`)
      : `complete: read from ${from} at ${timeOf(completedAtMs)}`;
  return [
    `failover ${from} -> ${to} at ${timeOf(startedAtMs)} by ${by}; ${state}\n`,
    `${costSentence(report)}\n`,
    `\n${partitions(report)}`,
    ...(transactionsLostCount === null || transactionsLostCount === 0
      ? []
      : [`\n${plural(transactionsLostCount, 'committed transaction')} missing as a whole\n`]),
    ...(transactions.length === 0
      ? []
      : [
          `\n${formatTable(
            ['TRANSACTIONAL ID', 'PRODUCER', 'WHAT', 'CAME OVER', 'MISSING'].map((title) => ({ title })),
            transactions.map(transactionCells),
          )}`,
        ]),
    ...(groups.length === 0
      ? []
      : [
          `\n${formatTable(
            ['GROUP', 'TOPIC', 'PARTITION', 'WAS AT', 'IS AT', 'WENT BACK'].map((title) => ({ title })),
            groups.map(groupCells),
          )}`,
        ]),
    ...(summary.remarks.length === 0
      ? []
      : [`\n${summary.remarks.map((line) => `note: ${line}\n`).join('')}`]),
    `\nnext:\n${nextSteps(report)
      .map((step, index) => `  ${index + 1}. ${step}\n`)
      .join('')}`,
  ].join('');
}

function partitions({ topics, summary }: LossReport): string {
  const all = topics.flatMap(({ mirrorTopic, partitions: own }) =>
    own.map((partition) => ({ mirrorTopic, ...partition })),
  );
  const isWhole = ({ exact, missing, undecided }: (typeof all)[number]): boolean =>
    exact === null ? missing === '0' && undecided === null : exact.offsets === '0';
  const whole = all.filter(isWhole);
  const shown = all.length <= wholeShownMax ? all : all.filter((partition) => !isWhole(partition));
  const table = formatTable(
    [
      { title: 'TOPIC' },
      { title: 'PARTITION', align: 'right' },
      { title: 'CUT OFFSET', align: 'right' },
      { title: 'SOURCE END', align: 'right' },
      { title: 'SEEN' },
      { title: 'MISSING' },
      { title: 'UNDECIDED' },
      { title: 'REPLICATED' },
    ],
    shown.map((partition) => [
      partition.mirrorTopic,
      String(partition.partition),
      partition.cutOffset,
      partition.exact?.end ?? partition.sourceEnd ?? unknown,
      partition.exact === null
        ? `${formatAge(partition.sourceSeenAtMs, summary.promotedAtMs ?? summary.writtenAtMs).replace(' ago', ' before')}`
        : 'read',
      missingWords(partition),
      undecidedWords(partition),
      partition.isReplicated ? 'yes' : 'NO',
    ]),
  );
  const hidden = all.length - shown.length;
  const unread = all.flatMap(({ mirrorTopic, partition, unread: reason }) =>
    reason === null ? [] : [`${mirrorTopic}-${partition} could not be read: ${reason}\n`],
  );
  return [
    table,
    ...(hidden === 0
      ? []
      : [`and ${plural(whole.length, 'partition')} that had everything, as far as is known\n`]),
    ...unread,
  ].join('');
}
