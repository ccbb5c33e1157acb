// What a person or a program reads about a verification: computed first, formatted second, so that the table and
// the JSON say the same.

import { jsonLine } from './json-line.ts';
import type { Difference, LinkVerdict, NotCompared, Outcome, PartitionVerdict } from './verdict.ts';

export interface VerifyReport {
  outcome: Outcome;
  partitions: PartitionVerdict[];
  totals: {
    partitions: number;
    identical: number;
    different: number;
    incomplete: number;
    records: bigint;
    holes: bigint;
    /** See Compared. */
    filledCopies: bigint;
    compactedRecords: bigint;
    /** Offsets that were to be compared and were not, for the reasons given by partition. */
    offsetsNotCompared: bigint;
    /** Of these, the ones that a side no longer has, where that makes nothing incomplete. */
    offsetsDeleted: bigint;
    /** Offsets that the mirrors were told not to begin with: not to be compared. */
    offsetsBeforeStart: bigint;
    /** Offsets of mirrors that MirrorMaker 2 copied before they were taken over: not to be compared. */
    offsetsBeforeTakeover: bigint;
    bytesRead: number;
  };
  elapsedMs: number;
}

/** Nobody promised anything about these. */
const notMeant: ReadonlySet<NotCompared['reason']> = new Set(['beforeStart', 'beforeTakeover']);

/** Sums up verdicts of one link, or of several. */
export function verifyReport(verdicts: readonly LinkVerdict[]): VerifyReport {
  const partitions = verdicts.flatMap((verdict) => verdict.partitions);
  const count = (outcome: Outcome) => partitions.filter((partition) => partition.outcome === outcome).length;
  const [different, incomplete] = [count('different'), count('incomplete')];
  return {
    outcome: different > 0 ? 'different' : incomplete > 0 ? 'incomplete' : 'identical',
    partitions,
    totals: {
      partitions: partitions.length,
      identical: count('identical'),
      different,
      incomplete,
      records: sum(partitions, ({ compared }) => compared.records),
      holes: sum(partitions, ({ compared }) => compared.holes),
      filledCopies: sum(partitions, ({ compared }) => compared.filledCopies),
      compactedRecords: sum(partitions, ({ compared }) => compared.compactedRecords),
      offsetsNotCompared: countOffsets(partitions, (reason) => !notMeant.has(reason)),
      offsetsDeleted: countOffsets(partitions, (reason) => reason === 'retention'),
      offsetsBeforeStart: countOffsets(partitions, (reason) => reason === 'beforeStart'),
      offsetsBeforeTakeover: countOffsets(partitions, (reason) => reason === 'beforeTakeover'),
      bytesRead: partitions.reduce((total, { bytesRead }) => total + bytesRead, 0),
    },
    elapsedMs: verdicts.reduce((total, { elapsedMs }) => total + elapsedMs, 0),
  };
}

/** One JSON value on one line. Offsets are numbers written exactly, above 2^53 too. */
export function reportAsJson(report: VerifyReport): string {
  return jsonLine({ ...report, partitions: report.partitions.map(withReasons) });
}

/** The same with each reason in words too, as the table has them. */
export function withReasons<T extends { notCompared: NotCompared[] }>(partition: T): T {
  const notCompared = partition.notCompared.map((entry) => ({ ...entry, text: describeNotCompared(entry) }));
  return { ...partition, notCompared };
}

function countOffsets(
  partitions: readonly PartitionVerdict[],
  isCounted: (reason: NotCompared['reason']) => boolean,
): bigint {
  return sum(partitions, ({ notCompared }) =>
    sum(
      notCompared.filter(({ reason }) => isCounted(reason)),
      offsetsOf,
    ),
  );
}

/** How many offsets an entry is about. */
function offsetsOf({ start, end, records }: NotCompared): bigint {
  return records ?? end - start;
}

const marks: Record<Outcome, string> = {
  identical: '✓ identical',
  different: '✗ different',
  incomplete: '? incomplete',
};

/** The table's rows, the first one its header: one row a partition, for any table printer. */
export function reportRows(report: VerifyReport): string[][] {
  return [
    ['TOPIC', 'PARTITION', 'VERDICT', 'OFFSETS', 'RECORDS', 'WHY'],
    ...report.partitions.map((verdict) => [
      verdict.topic === verdict.destinationTopic
        ? verdict.topic
        : `${verdict.topic} > ${verdict.destinationTopic}`,
      verdict.partition === null ? 'all' : String(verdict.partition),
      verdict.shift === 0n ? marks[verdict.outcome] : `${marks[verdict.outcome]} SHIFTED(${verdict.shift})`,
      verdict.source === null ? '-' : `${verdict.source.start}..${verdict.source.end}`,
      String(verdict.compared.records),
      whyNot(verdict),
    ]),
  ];
}

/** One sentence that closes the table, and one for each thing that was not plainly equal. */
export function reportSummary({ outcome, totals }: VerifyReport): string {
  const { partitions, records, different, incomplete, offsetsNotCompared, offsetsDeleted } = totals;
  const what = `${countOf(records, 'record')} in ${countOf(partitions, 'partition')}`;
  const notSeen = offsetsNotCompared - offsetsDeleted;
  const notSeenToo =
    notSeen > 0n ? `; ${countOf(notSeen, 'offset')} ${notSeen === 1n ? 'was' : 'were'} not compared` : '';
  const first = {
    identical: `Identical: ${what} ${records === 1n ? 'has' : 'have'} the same offset, timestamp, key, value and headers on both sides.`,
    different: `Different: ${different} of ${countOf(partitions, 'partition')} ${different === 1 ? 'differs' : 'differ'}${notSeenToo}.`,
    incomplete: `Not everything could be compared: ${incomplete} of ${countOf(partitions, 'partition')}${notSeenToo}; no difference in the rest.`,
  }[outcome];
  const more = [
    {
      count: offsetsDeleted,
      one: '1 offset could not be compared, because one side no longer has it',
      many: 'offsets could not be compared, because one side no longer has them',
    },
    {
      count: totals.offsetsBeforeStart,
      one: '1 offset lies before the start that its mirror was given, and is not to be compared',
      many: 'offsets lie before the starts that their mirrors were given, and are not to be compared',
    },
    {
      count: totals.offsetsBeforeTakeover,
      one: '1 offset of a mirror was there when it was taken over from MirrorMaker 2, and was not compared',
      many: 'offsets of mirrors were there when they were taken over from MirrorMaker 2, and were not compared',
    },
    {
      count: totals.filledCopies,
      one: '1 record of the mirror is a copy that fills a gap',
      many: 'records of the mirror are copies that fill gaps',
    },
    {
      count: totals.compactedRecords,
      one: '1 record is on one side only, because the cleaner of the other removed it',
      many: 'records are on one side only, because the cleaner of the other removed them',
    },
  ].filter(({ count }) => count > 0n);
  return [first, ...more.map(({ count, one, many }) => `${count === 1n ? one : `${count} ${many}`}.`)].join(
    ' ',
  );
}

/** A difference in words. Names offsets, never content. */
export function describeDifference(difference: Difference): string {
  const { kind, offset, sourceOffset, destinationOffset, missingOn } = difference;
  switch (kind) {
    case 'topicMissing':
      return `the ${missingOn} has no such topic`;
    case 'partitionMissing':
      return `the ${missingOn} has no such partition`;
    case 'start':
      return `starts at ${sourceOffset} in the source, at ${destinationOffset} in the destination`;
    case 'end':
      return `ends at ${sourceOffset} in the source, at ${destinationOffset} in the destination`;
    case 'offset':
      return `the record at offset ${sourceOffset} of the source is at ${destinationOffset} in the destination`;
    case 'missing':
      return `offset ${offset}: the destination lacks the record`;
    case 'extra':
      return `offset ${offset}: the destination has a record that the source has not`;
    default:
      return `offset ${offset}: the ${kind} differ${kind === 'headers' ? '' : 's'}`;
  }
}

/** A range that was not compared, in words. */
export function describeNotCompared(entry: NotCompared): string {
  const { reason, side, start, end, records, message } = entry;
  const offsets = end > start ? `offsets ${start}..${end - 1n} ` : '';
  switch (reason) {
    case 'openTransaction':
      return `${offsets}belong to transactions that are still open`;
    case 'lagging':
      return `${offsets}had not arrived in the ${side} in time`;
    case 'retention':
      return `the ${side} no longer has ${goneOffsets(entry)} could not be compared`;
    case 'beforeStart':
      return `${offsets}lie before the start of the mirror, which was told to begin at ${end}`;
    case 'beforeTakeover':
      return `${countOf(end - start, 'offset')} of the mirror were there when it was taken over from MirrorMaker 2, at source offset ${end}, and were not compared`;
    case 'startUnexplained':
      return `${offsets}are missing in the ${side}, and ${message ?? "its retention settings don't explain it"}`;
    case 'compaction':
      return `${countOf(records ?? end - start, 'record')} of ${offsets}that the ${side} lacks: ${message}`;
    case 'cancelled':
      return `${offsets}not compared: stopped before`;
    default:
      return `${offsets}not compared${side === null ? '' : ` (${side})`}: ${message ?? reason}`;
  }
}

/** Offsets that a side no longer has. An entry of several ranges is about some offsets between its ends. */
function goneOffsets({ start, end, records }: NotCompared): string {
  if (end - start === 1n) return `offset ${start}, so it`;
  const range = `offsets ${start}..${end - 1n}, so they`;
  return records === undefined || records === end - start ? range : `${records} of the ${range}`;
}

function whyNot({ differences, notCompared }: PartitionVerdict): string {
  return [...differences.map(describeDifference), ...notCompared.map(describeNotCompared)].join('; ');
}

/** '1 record', '2 records'. */
export function countOf(count: number | bigint, thing: string): string {
  return `${count} ${thing}${BigInt(count) === 1n ? '' : 's'}`;
}

function sum<T>(items: readonly T[], of: (item: T) => bigint): bigint {
  return items.reduce((total, item) => total + of(item), 0n);
}
