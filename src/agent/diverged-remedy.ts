// A mirror of a replication group that somebody else wrote to can be restored: its reason says so.
import type { LinkStatus } from '../link/index.ts';

type Partition = LinkStatus['partitions'][number];

/** @param region where the mirrors are, in a replication group; null: the link is in none */
export function withRemedy(partitions: readonly Partition[], region: string | null): readonly Partition[] {
  if (region === null || !partitions.some(({ state }) => state === 'Diverged')) return partitions;
  return partitions.map((partition) => {
    const { state, topic, reason } = partition;
    if (state !== 'Diverged') return partition;
    return {
      ...partition,
      reason: `${reason ?? 'it holds what the source does not have'}; \`lockstep restore ${region} FILE --topics ${topic}\` keeps what only ${region} has, and copies the rest again`,
    };
  });
}
