// Lists of items in few bytes: links, their topics, ranges of partitions: `[["us-to-eu",[["orders","0-11,13"]]]]`.
// Lists, not objects with names as keys: `__proto__` is a good name for a topic.
import { itemOf, keyOf } from './types.ts';

export type KeyList = readonly (readonly [link: string, topics: readonly (readonly [string, string])[]])[];

/** More partitions in one list are a broken message, not a fleet. */
const keysMax = 1_000_000;

/** The list, and the keys in the order in which `unpackKeys` gives them. */
export function packKeys(keys: Iterable<string>): { list: KeyList; ordered: readonly string[] } {
  const links = new Map<string, Map<string, number[]>>();
  for (const key of [...keys].sort()) {
    const { link, topic, partition } = itemOf(key);
    const topics = getOrAdd(links, link, () => new Map<string, number[]>());
    getOrAdd(topics, topic, () => []).push(partition);
  }
  const list = [...links].map(([link, topics]) => {
    const packed = [...topics].map(([topic, partitions]) => [topic, packRanges(partitions)] as const);
    return [link, packed] as const;
  });
  return { list, ordered: unpackKeys(list) };
}

/** @throws Error where it is no list of keys. */
export function unpackKeys(list: KeyList): readonly string[] {
  const keys: string[] = [];
  for (const [link, topics] of list)
    for (const [topic, ranges] of topics)
      for (const [first, last] of unpackRanges(ranges)) {
        if (keys.length + last - first >= keysMax)
          throw new Error(`a list of more than ${keysMax} partitions`);
        for (let partition = first; partition <= last; partition += 1)
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

function unpackRanges(text: string): [number, number][] {
  return text.split(',').map((part) => {
    const match = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(part);
    if (match === null) throw new Error(`no range of partitions: ${part.slice(0, 40)}`);
    return [Number(match[1]), Number(match[2] ?? match[1])];
  });
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
