// A typo should be answered with the word that was meant: the closest known name, if one is close enough.

/**
 * The known name nearest to `word`, or undefined when none is near. Near means at most one edit (insert, delete,
 * replace or swap neighbours) per three characters, and at least one; capitals don't count.
 */
export function nearestName(word: string, known: readonly string[]): string | undefined {
  const wanted = word.toLowerCase();
  if (wanted.length > 200) return undefined;
  const editsMax = Math.max(1, Math.floor(wanted.length / 3));
  let best: { name: string; edits: number } | undefined;
  for (const name of known) {
    if (Math.abs(name.length - wanted.length) > editsMax) continue;
    const edits = editDistance(wanted, name.toLowerCase());
    if (edits <= editsMax && (best === undefined || edits < best.edits)) best = { name, edits };
  }
  return best?.name;
}

/** Optimal string alignment distance: the usual edit distance, where swapping two neighbours counts as one. */
export function editDistance(a: string, b: string): number {
  const width = b.length + 1;
  const cells = new Uint16Array((a.length + 1) * width);
  const at = (row: number, column: number): number => cells[row * width + column] as number;
  for (let row = 0; row <= a.length; row++) cells[row * width] = row;
  for (let column = 0; column <= b.length; column++) cells[column] = column;
  for (let row = 1; row <= a.length; row++) {
    for (let column = 1; column <= b.length; column++) {
      const replace = at(row - 1, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1);
      let least = Math.min(replace, at(row - 1, column) + 1, at(row, column - 1) + 1);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) least = Math.min(least, at(row - 2, column - 2) + 1);
      cells[row * width + column] = least;
    }
  }
  return at(a.length, b.length);
}
