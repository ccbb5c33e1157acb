// What a source tells while mirrors of it are closed: whether it is there at all, and where it ends. Whoever promotes at once
// may do so because it is gone, so nothing here takes longer than `sourceLookMs`.
import type { Cluster } from '../../client/index.ts';
import type { MirrorRecord } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { within } from '../../patience.ts';
import type { SeenEnd, SeenSource } from './close-mirrors.ts';
import { isSameSource, lookAtEnds, messageOf } from './drained.ts';
import type { PromotableLink } from './promotable-link.ts';

/** A promotion does not wait for a source that is gone: what it is asked, it is asked at the same time. */
export const sourceLookMs = 1_500;

/** What a look needs of a link. */
export type SeenLink = Pick<PromotableLink, 'source' | 'shiftOf' | 'seen'>;

/**
 * Whether a source that is promoted from still tells anything. One that hangs is given a while; one where nobody listens at
 * any address that is known has said so, and whoever promotes at once is not kept waiting for it.
 */
export async function sourceAnswers(
  { source }: Pick<SeenLink, 'source'>,
  mirrors: readonly MirrorRecord[],
  { isPlanned }: { readonly isPlanned: boolean },
): Promise<boolean> {
  if (source === null) return false;
  const topics = mirrors.slice(0, 1).map(({ sourceTopic }) => sourceTopic);
  const ask = () => source.refreshMetadata(topics);
  const asked = source.retry(() => (isPlanned ? ask() : ask().catch(refusedForGood)), {
    timeoutMs: sourceLookMs,
  });
  return within(asked, sourceLookMs, 'a question to the source').then(
    () => true,
    (error: unknown) => {
      messageOf(error);
      return false;
    },
  );
}

/** Where the source ends now, if it still tells; else what was seen of it last. */
export async function sourceEnds(
  link: SeenLink,
  mirrors: readonly MirrorRecord[],
  { destination, nowMs }: { readonly destination: Cluster; readonly nowMs: () => number },
): Promise<SeenSource> {
  const { source } = link;
  const ends = new Map<string, SeenEnd>();
  const look = async (): Promise<void> => {
    if (source === null) return;
    const lookAt = async (mirror: MirrorRecord): Promise<void> => {
      const shiftOf = (partition: number) => link.shiftOf(mirror.sourceTopic, partition);
      const found = await lookAtEnds(mirror, { source, destination, shiftOf, nowMs });
      if (!isSameSource(found)) return;
      for (const { partition, sourceHighWatermark: sourceEnd } of found.ends)
        ends.set(`${mirror.sourceTopic}/${partition}`, { sourceEnd, atMs: found.atMs, isLive: true });
    };
    // A partition that does not answer says nothing about the other mirrors.
    await Promise.all(mirrors.map((mirror) => lookAt(mirror).catch(messageOf)));
  };
  await within(look(), sourceLookMs, 'a look at the source').catch(messageOf);
  return (topic, partition) => ends.get(`${topic}/${partition}`) ?? link.seen(topic, partition);
}

/** What was seen of it before, where it does not tell any more. */
export function seenBefore(link: SeenLink | undefined): SeenSource {
  return (topic, partition) => link?.seen(topic, partition) ?? null;
}

/** Not tried again. Connections that broke are another matter: behind them there may be a broker. */
function refusedForGood(error: unknown): never {
  if (!(error instanceof LockstepError) || error.code !== 'CLUSTER_UNREACHABLE') throw error;
  const { message, detail } = error;
  throw new LockstepError(error.code, message, { detail, cause: error, retriable: false });
}
