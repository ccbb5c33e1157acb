// Topics whose name says that they may have gone in a circle. Where two links with prefixes take each other's mirrors,
// records are stopped (docs/loops.md), and empty topics would still be made without end: a.orders, b.a.orders,
// a.b.a.orders, ... So a topic whose name has this link's prefix inside, in front of the name of a mirror that it has made
// already, gets its mirror with its first record and not before. One that is no mirror at all loses nothing by that. Where
// something else than Lockstep made it, its first record is looked for in that earlier mirror
// (src/mirror/shell/return-questions.ts).

/**
 * Names of the destination whose mirror this topic of the source may be a mirror of, the longest first.
 * @param mirrorName what this link calls a topic at the destination
 */
export function earlierLaps(topic: string, mirrorName: (topic: string) => string): string[] {
  const prefix = mirrorName('');
  const names: string[] = [];
  if (prefix === '') return names;
  for (let at = topic.indexOf(prefix, 1); at > 0; at = topic.indexOf(prefix, at + 1)) {
    const name = topic.slice(at);
    if (/[._-]/.test(topic[at - 1]!) && name.length > prefix.length) names.push(name);
  }
  return names;
}

/**
 * The one that is there; null: none.
 * @param isThere whether the destination has a topic of this name
 */
export function earlierLapOf(
  topic: string,
  mirrorName: (topic: string) => string,
  isThere: (name: string) => boolean,
): string | null {
  return earlierLaps(topic, mirrorName).find(isThere) ?? null;
}
