// Lists of items in few bytes: link -> topic -> ranges of partitions, `{"us-to-eu":{"orders":"0-11,13"}}`.
import { itemOf, keyOf } from './types.ts';

export type KeyList = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** More partitions in one list are a broken message, not a fleet. */
const keysMax = 1_000_000;

/** The list, and the keys in the order in which `unpackKeys` gives them. */
export function packKeys(keys: Iterable<string>): { list: KeyList; ordered: readonly string[] } {
  const topics = new Map<string, Map<string, number[]>>();
  for (const key of [...keys].sort()) {
    const { link, topic, partition } = itemOf(key);
    const ofLink = getOrAdd(topics, link, () => new Map<string, number[]>());
    getOrAdd(ofLink, topic, () => []).push(partition);
  }
  const list = Object.fromEntries(
    [...topics].map(([link, ofLink]) => [
      link,
      Object.fromEntries([...ofLink].map(([topic, partitions]) => [topic, packRanges(partitions)])),
    ]),
  );
  return { list, ordered: unpackKeys(list) };
}

/** @throws Error where it is no list of keys. */
export function unpackKeys(list: KeyList): readonly string[] {
  const keys: string[] = [];
  for (const [link, topics] of Object.entries(list))
    for (const [topic, ranges] of Object.entries(topics))
      for (const partition of unpackRanges(ranges)) {
        if (keys.length >= keysMax) throw new Error(`a list of more than ${keysMax} partitions`);
        keys.push(keyOf({ link, topic, partition }));
      }
  return keys;
}

function packRanges(numbers: number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers.sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] + 1 === number) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

function* unpackRanges(text: string): Generator<number> {
  for (const part of text.split(',')) {
    const match = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(part);
    if (match === null) throw new Error(`no range of partitions: ${part.slice(0, 40)}`);
    const last = Number(match[2] ?? match[1]);
    for (let number = Number(match[1]); number <= last; number += 1) yield number;
  }
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
