// A mirror that begins above offset 0 is filled up to there, and nobody should read it meanwhile (link/start-guard.ts).
import { describeConfigs, unwrap } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { startTagSetting, startTags } from '../../link/index.ts';
import type { RestoreGround } from './ground.ts';

/** How long mirrors may take to let people read what was filled, ms. */
const openMsMax = 60_000;

/**
 * Resolves when nobody is kept from reading these topics any more: offsets in front of their first record are filled
 * and cut off by then.
 * @throws LockstepError KAFKA_ERROR, retriable, when it takes too long.
 */
export async function untilOpened({ lost }: RestoreGround, topics: readonly string[]): Promise<void> {
  const resources = topics.map((name) => ({ type: 'topic', name }) as const);
  await lost.cluster.retry(
    async () => {
      const described = await describeConfigs(lost.cluster, resources, { names: [startTagSetting] });
      const open = described.find(({ outcome }) =>
        openTags.has(unwrap(outcome).get(startTagSetting)?.value ?? ''),
      );
      if (open === undefined) return;
      throw new LockstepError(
        'KAFKA_ERROR',
        `topic ${open.resource.name} of ${lost.name} is still being filled up to its first record`,
        { retriable: true },
      );
    },
    { timeoutMs: openMsMax },
  );
}

const openTags: ReadonlySet<string> = new Set([
  startTags.filling,
  startTags.fillingReadable,
  startTags.opening,
]);
