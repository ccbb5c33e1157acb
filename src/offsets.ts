// The earlier and the later of two offsets; Math.min and Math.max do not take bigints.

export function earlier(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}

export function later(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
