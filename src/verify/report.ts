// What a person or a program reads about a verification: computed first, formatted second, so that the table and
// the JSON say the same.

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
    /** Offsets that were to be compared and were not, for the reasons given by partition. */
    offsetsNotCompared: bigint;
    bytesRead: number;
  };
  elapsedMs: number;
}

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
      offsetsNotCompared: sum(partitions, ({ notCompared }) =>
        sum(notCompared, ({ start, end }) => end - start),
      ),
      bytesRead: partitions.reduce((total, { bytesRead }) => total + bytesRead, 0),
    },
    elapsedMs: verdicts.reduce((total, { elapsedMs }) => total + elapsedMs, 0),
  };
}

/** One JSON value on one line. Offsets are numbers written exactly, above 2^53 too. */
export function reportAsJson(report: VerifyReport): string {
  return JSON.stringify(report, (_, value) => (typeof value === 'bigint' ? rawJson(String(value)) : value));
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
      marks[verdict.outcome],
      verdict.source === null ? '-' : `${verdict.source.start}..${verdict.source.end}`,
      String(verdict.compared.records),
      whyNot(verdict),
    ]),
  ];
}

/** One sentence that closes the table. */
export function reportSummary({ outcome, totals }: VerifyReport): string {
  const { partitions, records, different, incomplete, offsetsNotCompared } = totals;
  const what = `${records} records in ${countOf(partitions, 'partition')}`;
  if (outcome === 'identical') {
    return `Identical: ${what} have the same offset, timestamp, key, value and headers on both sides.`;
  }
  const notSeen = offsetsNotCompared > 0n ? `; ${offsetsNotCompared} offsets were not compared` : '';
  if (outcome === 'different')
    return `Different: ${different} of ${countOf(partitions, 'partition')} differ${notSeen}.`;
  return `Not everything could be compared: ${incomplete} of ${countOf(partitions, 'partition')}${notSeen}; no difference in the rest.`;
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
export function describeNotCompared({ reason, side, start, end, message }: NotCompared): string {
  const offsets = end > start ? `offsets ${start}..${end - 1n} ` : '';
  switch (reason) {
    case 'openTransaction':
      return `${offsets}belong to transactions that are still open`;
    case 'retention':
      return `${offsets}were deleted in the ${side} meanwhile`;
    case 'cancelled':
      return `${offsets}not compared: cancelled`;
    default:
      return `${offsets}not compared${side === null ? '' : ` (${side})`}: ${message ?? reason}`;
  }
}

function whyNot({ differences, notCompared }: PartitionVerdict): string {
  return [...differences.map(describeDifference), ...notCompared.map(describeNotCompared)].join('; ');
}

function countOf(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

function sum<T>(items: readonly T[], of: (item: T) => bigint): bigint {
  return items.reduce((total, item) => total + of(item), 0n);
}

/** JSON.rawJSON, which TypeScript's library does not declare yet (Node 22 and newer have it). */
function rawJson(text: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text);
}
