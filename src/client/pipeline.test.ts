import { describe, expect, it } from 'vitest';
import { manualClock } from '../../test/support/manual-clock.ts';
import type { LockstepError } from '../errors.ts';
import { type Api, apis, decodeRequest, encodeResponse, type MetadataResponse } from '../protocol/index.ts';
import { AnswerDigest, unchanged } from './answer-digest.ts';
import { FramePool, unpooledFrame } from './frame-pool.ts';
import { Pipeline, type RequestOptions } from './pipeline.ts';

const version = 12;
const api = apis.Metadata as Api<unknown, unknown>;
const usual: RequestOptions = { version, timeoutMs: 1000, pooled: false, urgent: false };

function setUp(options: { inFlightRequestsMax?: number; waitingRequestsMax?: number } = {}) {
  const clock = manualClock();
  const written: number[] = [];
  const ended: LockstepError[] = [];
  const framePool = new FramePool();
  const pipeline = new Pipeline({
    peer: { cluster: 'c', address: { host: 'h', port: 1 } },
    clientId: 'me',
    clock,
    framePool,
    inFlightRequestsMax: options.inFlightRequestsMax ?? 10,
    waitingRequestsMax: options.waitingRequestsMax ?? 10,
    write: (parts) =>
      written.push(decodeRequest(apis.Metadata, version, Buffer.concat(parts).subarray(4)).correlationId),
    end: (reason) => {
      ended.push(reason);
      pipeline.close(reason);
    },
  });
  const answer = (correlationId: number, clusterId: string, throttleTimeMs = 0) => {
    const bytes = Buffer.concat(
      encodeResponse(apis.Metadata, version, correlationId, { clusterId, throttleTimeMs }),
    );
    const frame = unpooledFrame(bytes.length - 4);
    bytes.copy(frame.bytes, 0, 4);
    pipeline.onFrame(frame);
  };
  const send = (overrides: Partial<RequestOptions> = {}) =>
    pipeline
      .send(api, {}, { ...usual, ...overrides })
      .then(({ body }) => (body as MetadataResponse).clusterId);
  return { clock, written, ended, framePool, pipeline, answer, send };
}

describe('Pipeline', () => {
  it('sends without waiting and gives each answer to the oldest request', async () => {
    const { written, answer, send, clock } = setUp();
    const sent = [send(), send(), send()];
    expect(written).toEqual([1, 2, 3]);
    answer(1, 'a');
    answer(2, 'b');
    answer(3, 'c');
    expect(await Promise.all(sent)).toEqual(['a', 'b', 'c']);
    expect(clock.timerCount).toBe(0);
  });

  it('does not decode an answer that is the one before by its bytes, and decodes every other', async () => {
    const { answer, pipeline } = setUp();
    let known: string | null = null;
    const ask = async (correlationId: number, clusterId: string, throttleTimeMs = 0): Promise<unknown> => {
      const digest = new AnswerDigest(known);
      const sent = pipeline.send(api, {}, { ...usual, urgent: true, digest });
      answer(correlationId, clusterId, throttleTimeMs);
      const { body } = await sent;
      known = digest.value;
      return body === unchanged ? unchanged : (body as MetadataResponse).clusterId;
    };
    expect(await ask(1, 'a')).toBe('a');
    expect(await ask(2, 'a')).toBe(unchanged);
    expect(await ask(3, 'b')).toBe('b');
    // What it says about throttling is heard each time.
    expect(await ask(4, 'b', 7)).toBe('b');
    expect(await ask(5, 'b', 7)).toBe('b');
    expect(pipeline.throttleCount).toBe(2);
  });

  it('refuses an answer to any but the oldest', () => {
    const { answer, send } = setUp();
    send().catch(() => {});
    send().catch(() => {});
    expect(() => answer(2, 'b')).toThrow(expect.objectContaining({ code: 'FRAME_INVALID' }));
  });

  it('keeps no more than the maximum in flight and sends the rest in order', async () => {
    const { written, answer, send } = setUp({ inFlightRequestsMax: 2 });
    const sent = [send(), send(), send(), send()];
    expect(written).toEqual([1, 2]);
    answer(1, 'a');
    expect(written).toEqual([1, 2, 3]);
    answer(2, 'b');
    answer(3, 'c');
    answer(4, 'd');
    expect(await Promise.all(sent)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('refuses more waiting requests than the maximum, and says that they were not sent', async () => {
    const { send } = setUp({ inFlightRequestsMax: 1, waitingRequestsMax: 1 });
    send().catch(() => {});
    send().catch(() => {});
    await expect(send()).rejects.toMatchObject({ code: 'REQUEST_QUEUE_FULL', detail: { sent: false } });
  });

  it('ends the connection when an answer does not come in time', async () => {
    const { clock, ended, send } = setUp();
    const first = send({ timeoutMs: 5000 });
    const second = send({ timeoutMs: 1000 });
    const results = Promise.allSettled([first, second]);
    await clock.advance(999);
    expect(ended).toEqual([]);
    await clock.advance(1);
    expect(ended).toMatchObject([{ code: 'REQUEST_TIMED_OUT' }]);
    expect(await results).toMatchObject([
      { reason: { code: 'CONNECTION_CLOSED', detail: { sent: true }, cause: { code: 'REQUEST_TIMED_OUT' } } },
      { reason: { code: 'REQUEST_TIMED_OUT', detail: { sent: true } } },
    ]);
    expect(clock.timerCount).toBe(0);
    await expect(send()).rejects.toMatchObject({ code: 'CONNECTION_CLOSED', detail: { sent: false } });
  });

  it('fails a request that could not be sent in time alone', async () => {
    const { clock, ended, answer, send } = setUp({ inFlightRequestsMax: 1 });
    const first = send({ timeoutMs: 5000 });
    const second = send({ timeoutMs: 1000 });
    const result = expect(second).rejects.toMatchObject({
      code: 'REQUEST_TIMED_OUT',
      detail: { sent: false },
    });
    await clock.advance(1000);
    await result;
    expect(ended).toEqual([]);
    answer(1, 'a');
    expect(await first).toBe('a');
  });

  it('pauses for as long as the broker asks (KIP-219), and answers still come', async () => {
    const { clock, written, answer, send, pipeline } = setUp();
    const sent = [send({ timeoutMs: 10_000 }), send({ timeoutMs: 10_000 })];
    answer(1, 'a', 500);
    sent.push(send({ timeoutMs: 10_000 }));
    expect(written).toEqual([1, 2]);
    await clock.advance(400);
    answer(2, 'b', 300);
    await clock.advance(150);
    expect(written).toEqual([1, 2]);
    expect(pipeline.throttledUntilMs).toBe(700);
    await clock.advance(150);
    expect(written).toEqual([1, 2, 3]);
    answer(3, 'c');
    expect(await Promise.all(sent)).toEqual(['a', 'b', 'c']);
    expect([pipeline.throttleCount, pipeline.throttledMsTotal]).toEqual([2, 800]);
  });

  it('believes a pause of hours for a minute only', async () => {
    const { clock, written, answer, send } = setUp();
    const first = send();
    answer(1, 'a', 36_000_000);
    await first;
    send({ timeoutMs: 100_000 }).catch(() => {});
    await clock.advance(59_999);
    expect(written).toEqual([1]);
    await clock.advance(1);
    expect(written).toEqual([1, 2]);
  });

  it('holds all but urgent requests back, in order, until resumed', () => {
    const { written, pipeline, send } = setUp();
    const ignore = () => {};
    pipeline.hold();
    send().catch(ignore);
    send({ urgent: true }).catch(ignore);
    send().catch(ignore);
    expect(written).toEqual([1]);
    pipeline.resume();
    expect(written).toEqual([1, 2, 3]);
  });

  it('takes pooled memory only for those who give it back', () => {
    const { pipeline, framePool, send } = setUp();
    send({ pooled: true }).catch(() => {});
    send().catch(() => {});
    pipeline.allocate(100).release();
    expect(framePool.statistics().takenCount).toBe(1);
    expect(() => setUp().pipeline.allocate(100)).toThrow(/no request was outstanding/);
  });
});
