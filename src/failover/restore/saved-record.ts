// A record of a tail as it is saved: the same key, value, headers and timestamp, and behind its own headers where it
// stood, and what became of its transaction.
import { encodeTail, type HeaderView, parseTail, type RawRecord } from '../../records/index.ts';
import type { TransactionFate } from './tail.ts';

const savedHeaders = {
  topic: 'lockstep.source.topic',
  partition: 'lockstep.source.partition',
  offset: 'lockstep.source.offset',
  transaction: 'lockstep.transaction',
} as const;

export interface Origin {
  readonly topic: string;
  readonly partition: number;
}

/** The saved form, whose offset is its place in the quarantine. */
export function savedRecord(
  { offset, timestamp, tail }: RawRecord,
  { topic, partition }: Origin,
  fate: TransactionFate | null,
  index: bigint,
): RawRecord {
  const { key, value, headers } = parseTail(offset, tail);
  const own = [
    header(savedHeaders.topic, topic),
    header(savedHeaders.partition, String(partition)),
    header(savedHeaders.offset, String(offset)),
    ...(fate === null ? [] : [header(savedHeaders.transaction, fate)]),
  ];
  return { offset: index, timestamp, tail: encodeTail(key, value, [...headers, ...own]) };
}

/** What a saved record says of itself; null where it is none of ours. */
export function originOf({ offset, tail }: RawRecord): { offset: bigint; fate: string | null } | null {
  const { headers } = parseTail(offset, tail);
  // Ours stand last, whatever the record brought along.
  const lastOf = (name: string) =>
    headers.findLast(({ key }) => key.toString() === name)?.value?.toString() ?? null;
  const last = headers.at(-1)?.key.toString();
  const text = lastOf(savedHeaders.offset);
  if (text === null || !/^\d{1,19}$/.test(text)) return null;
  return {
    offset: BigInt(text),
    fate: last === savedHeaders.transaction ? lastOf(savedHeaders.transaction) : null,
  };
}

/** Whether a saved record is what is to be saved. A transaction that was open when it was saved may be decided since. */
export function isSaved(saved: RawRecord, wanted: RawRecord): boolean {
  if (saved.offset !== wanted.offset || saved.timestamp !== wanted.timestamp) return false;
  if (saved.tail.equals(wanted.tail)) return true;
  const wantedFate = originOf(wanted)?.fate;
  if (originOf(saved)?.fate !== 'undecided' || wantedFate === null || wantedFate === undefined) return false;
  const { key, value, headers } = parseTail(wanted.offset, wanted.tail);
  const withoutFate = headers.slice(0, -1);
  const asUndecided = [...withoutFate, header(savedHeaders.transaction, 'undecided')];
  return saved.tail.equals(encodeTail(key, value, asUndecided));
}

function header(key: string, value: string): HeaderView {
  return { key: Buffer.from(key), value: Buffer.from(value) };
}
