import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Cluster } from '../../client/index.ts';
import { testMirror } from '../../control/test-records.ts';
import { LockstepError } from '../../errors.ts';
import { seenBefore, sourceAnswers, sourceEnds, sourceLookMs } from './source-look.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const mirror = testMirror();
const unreachable = () =>
  new LockstepError('CLUSTER_UNREACHABLE', 'nobody listens at us-east:9092', { retriable: true });
/** A source that answers as told; `failure()` is what its first try came to. */
function sourceThat(answers: () => Promise<unknown>) {
  let failure: unknown = null;
  const retry = (work: () => Promise<unknown>) =>
    work().catch((error: unknown) => {
      failure = error;
      throw error;
    });
  return {
    source: { refreshMetadata: answers, retry } as unknown as Cluster,
    failure: () => failure,
  };
}

describe('a source answers', () => {
  const asked = (source: Cluster | null) => sourceAnswers({ source }, [mirror], { isPlanned: false });

  test('when it tells about a topic', async () => {
    expect(await asked(sourceThat(async () => ({})).source)).toBe(true);
  });
  test('not when it was never reached, or refuses', async () => {
    expect(await asked(null)).toBe(false);
    expect(await asked(sourceThat(() => Promise.reject(unreachable())).source)).toBe(false);
  });
  test('not when it hangs: that is seen in the time of a look', async () => {
    const answer = asked(sourceThat(() => new Promise(() => {})).source);
    await vi.advanceTimersByTimeAsync(sourceLookMs);
    expect(await answer).toBe(false);
  });
  test('faults of ours are not its silence', async () => {
    await expect(asked(sourceThat(() => Promise.reject(new TypeError('x'))).source)).rejects.toThrow(
      TypeError,
    );
  });
});

describe('where nobody listens', () => {
  test.each([
    ['a promotion at once does not ask again', false, false],
    ['a planned one does', true, true],
  ])('%s', async (_, isPlanned, retriable) => {
    const { source, failure } = sourceThat(() => Promise.reject(unreachable()));
    expect(await sourceAnswers({ source }, [mirror], { isPlanned })).toBe(false);
    expect(failure()).toMatchObject({ code: 'CLUSTER_UNREACHABLE', retriable });
  });
});

describe('a source that does not tell where it ends', () => {
  const seen = { sourceEnd: 12n, atMs: 5 };
  const link = { seen: () => seen, shiftOf: () => 0n };
  // Whatever is asked.
  const refusing = new Proxy({}, { get: () => () => Promise.reject(unreachable()) }) as unknown as Cluster;

  test.each([
    ['was never reached', null],
    ['refuses', refusing],
  ])('and %s ends where it was seen last', async (_, source) => {
    const ends = await sourceEnds({ ...link, source }, [mirror], { destination: refusing, nowMs: () => 0 });
    expect(ends(mirror.sourceTopic, 0)).toBe(seen);
  });

  test('of a link that is gone nothing was seen', () => {
    expect(seenBefore(undefined)('orders', 0)).toBeNull();
    expect(seenBefore({ ...link, source: null })('orders', 0)).toBe(seen);
  });
});
