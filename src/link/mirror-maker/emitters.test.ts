// When something is told, and what becomes of refusals: on a topic that is played. The bytes are compared with Java's in
// test/mm2/readers-policies.test.ts, the topics with Kafka's own clients in test/mm2/readers.test.ts.
import { describe, expect, test } from 'vitest';
import { type ManualClock, manualClock } from '../../../test/support/manual-clock.ts';
import { LockstepError } from '../../errors.ts';
import { type Beat, type Checkpoint, CheckpointEmitter, HeartbeatEmitter } from './index.ts';
import type { InternalRecord } from './records.ts';

class PlayedTopic {
  readonly name: string;
  readonly written: InternalRecord[] = [];
  refusal: LockstepError | null = null;
  topicId = 'first';

  constructor(name: string) {
    this.name = name;
  }

  async append(records: readonly InternalRecord[]): Promise<string> {
    if (this.refusal !== null) throw this.refusal;
    this.written.push(...records);
    return this.topicId;
  }

  /** What was written since the last time; texts with their lengths and numbers left in. */
  take(): InternalRecord[] {
    return this.written.splice(0);
  }
}

const denied = new LockstepError('NOT_AUTHORIZED', 'grant WRITE');
const away = new LockstepError('REQUEST_TIMED_OUT', 'no answer');

describe('checkpoints', () => {
  function emitter(changes: { everyMs?: number; mirrorOf?: () => string | null } = {}) {
    const topic = new PlayedTopic('us.checkpoints.internal');
    const clock = manualClock();
    const notices: string[] = [];
    const told = new CheckpointEmitter({
      ...{ topic, clock, everyMs: 1_000, mirrorOf: () => null, nowMs: () => clock.nowMs() },
      onNotice: ({ text }) => notices.push(text),
      ...changes,
    });
    const look = async (
      checkpoints: Checkpoint[],
      rest: { sourceError?: string; isWhole?: boolean } = {},
    ) => {
      await clock.advance(1_000);
      await told.tell({ checkpoints, sourceError: null, isWhole: true, ...rest });
      return topic.take().length;
    };
    return { topic, clock, notices, told, look };
  }

  const at = (upstreamOffset: bigint, changes: Partial<Checkpoint> = {}): Checkpoint => ({
    ...{ group: 'g', topic: 'us.orders', partition: 0, upstreamOffset, offset: upstreamOffset, metadata: '' },
    ...changes,
  });

  test('what changed is told, and nothing else', async () => {
    const { look, told } = emitter();
    expect(told.status()).toMatchObject({ state: 'Starting', lastWrittenAtMs: null, positionCount: 0 });
    expect(await look([at(5n), at(7n, { partition: 1 })])).toBe(2);
    expect(told.status()).toMatchObject({ state: 'Telling', lastWrittenAtMs: 1_000, positionCount: 2 });
    expect(await look([at(5n), at(7n, { partition: 1 })])).toBe(0);
    expect(await look([at(6n), at(7n, { partition: 1 })])).toBe(1);
    expect(told.status().lastWrittenAtMs).toBe(3_000);
  });

  test.each([
    ['a rewind at the source', at(4n)],
    ['another text', at(5n, { metadata: 'x' })],
    ['the mirror came along', at(5n, { offset: 6n })],
    ['the mirror was made anew', at(5n, { offset: 0n })],
  ])('%s is told', async (_name, next) => {
    const { look } = emitter();
    await look([at(5n)]);
    expect(await look([next])).toBe(1);
    expect(await look([next])).toBe(0);
  });

  test('a group that was gone is told when it comes back as it was', async () => {
    const { look } = emitter();
    await look([at(5n)]);
    expect(await look([])).toBe(0);
    expect(await look([at(5n)])).toBe(1);
  });

  test('a look at some topics forgets none of the others, and is not put off', async () => {
    const { look, told, topic } = emitter({ everyMs: 10_000 });
    await look([at(5n), at(7n, { topic: 'us.bills' })]);
    expect(await look([at(6n)], { isWhole: true })).toBe(0); // not yet
    expect(await look([at(6n)], { isWhole: false })).toBe(1);
    expect(told.status().positionCount).toBe(2);
    expect(topic.written).toEqual([]);
  });

  test('a topic that was deleted gets everything again', async () => {
    const { look, topic } = emitter();
    await look([at(5n), at(7n, { partition: 1 })]);
    topic.topicId = 'second';
    expect(await look([at(6n), at(7n, { partition: 1 })])).toBe(3); // the change, then all
    expect(await look([at(6n), at(7n, { partition: 1 })])).toBe(0);
  });

  test('what was refused is told when it can be, and each turn is said once', async () => {
    const { look, topic, told, notices } = emitter();
    await look([at(5n)]);
    topic.refusal = denied;
    await look([at(6n)]);
    await look([at(6n)]);
    expect(told.status()).toMatchObject({ state: 'NotAuthorized', reason: 'grant WRITE', sinceMs: 2_000 });
    expect(notices).toEqual(['no checkpoints: NotAuthorized: grant WRITE']);
    topic.refusal = null;
    expect(await look([at(6n)])).toBe(1);
    expect(told.status()).toMatchObject({ state: 'Telling', reason: null });
    expect(notices[1]).toBe('checkpoints are written to topic us.checkpoints.internal again');
  });

  test('a source that is down is no reason to take anything back', async () => {
    const { look, told, notices } = emitter();
    await look([at(5n)]);
    expect(await look([at(5n)], { sourceError: 'down' })).toBe(0);
    expect(told.status()).toMatchObject({ state: 'SourceUnheard', reason: 'down' });
    await look([at(5n)]);
    expect(told.status().state).toBe('Telling');
    expect(notices).toEqual([]);
  });

  test('a topic that is a mirror is not written to', async () => {
    const { look, told } = emitter({ mirrorOf: () => 'plain' });
    expect(await look([at(5n)])).toBe(0);
    expect(told.status()).toMatchObject({
      state: 'TopicIsMirror',
      reason: expect.stringContaining('link plain'),
    });
  });
});

describe('heartbeats', () => {
  const beat = (sourceAlias: string, changes: Partial<Beat> = {}): Beat => ({
    ...{ sourceAlias, destinationAlias: 'eu', everyMs: 1_000 },
    ...changes,
  });

  function emitter(beats: Beat[], mirrorOf: (topic: string) => string | null = () => null) {
    const topic = new PlayedTopic('heartbeats');
    const clock: ManualClock = manualClock();
    const opened: (number | undefined)[] = [];
    const told = new HeartbeatEmitter({
      ...{ clock, mirrorOf, nowMs: () => clock.nowMs(), onNotice: () => {}, beats: () => beats },
      open: (replicationFactor) => {
        opened.push(replicationFactor);
        return topic;
      },
    });
    told.start();
    /** Sources of the beats in so many ms. */
    const during = async (ms: number): Promise<string[]> => {
      await clock.advance(ms);
      return topic.take().map(({ key }) => key.subarray(2, 2 + key.readInt16BE(0)).toString());
    };
    return { topic, clock, told, during, opened };
  }

  test('one at once, then each in its own time', async () => {
    const { during, told } = emitter([beat('us'), beat('ap', { everyMs: 2_000 })]);
    expect(await during(0)).toEqual(['us', 'ap']);
    expect(await during(4_000)).toEqual(['us', 'us', 'ap', 'us', 'us', 'ap']);
    expect(told.status()).toMatchObject([
      { sourceAlias: 'us', state: 'Telling', lastWrittenAtMs: 4_000 },
      { sourceAlias: 'ap', state: 'Telling', lastWrittenAtMs: 4_000 },
    ]);
    told.stop();
    expect(await during(10_000)).toEqual([]);
  });

  test('the same pair from two files beats as often as the quicker one wants', async () => {
    const { during, opened } = emitter([
      beat('us', { everyMs: 5_000 }),
      beat('us', { replicationFactor: 2 }),
    ]);
    expect(await during(3_000)).toHaveLength(4);
    expect(opened).toEqual([2]);
  });

  test('beats come and go', async () => {
    const beats: Beat[] = [];
    const { during } = emitter(beats);
    expect(await during(9_000)).toEqual([]);
    beats.push(beat('us'));
    expect(await during(5_000)).not.toEqual([]);
    beats.pop();
    await during(5_000);
    expect(await during(20_000)).toEqual([]);
  });

  test('a refusal is tried again more and more slowly, and told', async () => {
    const { during, topic, told } = emitter([beat('us')]);
    await during(0);
    topic.refusal = away;
    await during(120_000);
    expect(told.status()).toMatchObject([{ state: 'Failed', reason: 'no answer', lastWrittenAtMs: 0 }]);
    topic.refusal = null;
    expect(await during(40_000)).not.toEqual([]);
    expect(told.status()).toMatchObject([{ state: 'Telling' }]);
  });

  test('a topic of heartbeats that a link mirrors is not written to', async () => {
    const { during, told } = emitter([beat('us')], (name) => (name === 'heartbeats' ? 'plain' : null));
    expect(await during(10_000)).toEqual([]);
    expect(told.status()).toMatchObject([{ state: 'TopicIsMirror' }]);
  });
});
