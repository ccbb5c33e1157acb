// A link's `mirrorMaker:` and the file's `heartbeats:` with their defaults.
import { parseDurationMs } from './duration.ts';
import type { LinkShape } from './link-schema.ts';
import type { HeartbeatShape } from './mirror-maker-schema.ts';
import type { HeartbeatFlow, MirrorMakerConfig } from './types.ts';

export function resolveMirrorMaker({
  source,
  destination,
  mirrorMaker,
}: LinkShape): MirrorMakerConfig | null {
  if (mirrorMaker === undefined) return null;
  const { sourceAlias, destinationAlias, policy, separator, checkpoints } = mirrorMaker;
  return {
    sourceAlias: sourceAlias ?? source,
    destinationAlias: destinationAlias ?? destination,
    ...{ policy, separator },
    isInternalSeparated: mirrorMaker.internalSeparator,
    mirrorsHeartbeats: mirrorMaker.mirrorHeartbeats,
    checkpoints: checkpoints === undefined ? null : timed(checkpoints),
  };
}

export function resolveHeartbeats(shapes: readonly HeartbeatShape[]): HeartbeatFlow[] {
  return shapes.map((shape) => ({
    ...timed(shape),
    destinationAlias: shape.destinationAlias ?? shape.destination,
  }));
}

/** The schema has checked that `every` is a duration. */
function timed<Shape extends { every: string; replicationFactor?: number | undefined }>({
  every,
  replicationFactor,
  ...rest
}: Shape) {
  return {
    ...rest,
    everyMs: parseDurationMs(every) as number,
    ...(replicationFactor !== undefined && { replicationFactor }),
  };
}
