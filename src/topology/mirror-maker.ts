// A link's `mirrorMaker:` and the file's `heartbeats:` with their defaults.
import { quote } from './describe.ts';
import { parseDurationMs } from './duration.ts';
import type { LinkShape } from './link-schema.ts';
import type { HeartbeatShape } from './mirror-maker-schema.ts';
import type { Path, Problems } from './problems.ts';
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

/** The prefix of a link's mirrors: as written, or what the policy of `mirrorMaker` makes of it. */
export function resolvePrefix(shape: LinkShape, at: Path, problems: Problems): string {
  const { prefix } = shape;
  const mirrorMaker = resolveMirrorMaker(shape);
  if (mirrorMaker === null) return prefix;
  const { policy, sourceAlias, separator } = mirrorMaker;
  const meant = policy === 'identity' ? '' : `${sourceAlias}${separator}`;
  if (prefix !== '' && prefix !== meant) {
    problems.add([...at, 'prefix'], {
      found: quote(prefix),
      expected:
        meant === ''
          ? "none: by MirrorMaker's identity policy mirrors have the names of their topics"
          : `${quote(meant)}, the alias and the separator of mirrorMaker`,
    });
  }
  return meant;
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
