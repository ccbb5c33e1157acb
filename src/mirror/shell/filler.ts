// Offsets below the source's start: written as empty records at the destination, then cut off.
//
// The problem: a log is filled from 0 on, and there is no request that makes it start higher. The answer: batches of
// empty records, as many in each as a request carries well, and DeleteRecords up to the source's start. Every filler
// of one size is the same bytes but for its header, so each size is encoded once.
//
// The records have no timestamp (-1): the broker's time index and its retention then take no notice of them, so that an
// offset is found by its timestamp as if they had never been there.
import { LockstepError } from '../../errors.ts';
import { apis, kafkaError } from '../../protocol/index.ts';
import { BatchView, fillerBatch } from '../../records/index.ts';
import type { FillerAppend } from '../partition/state.ts';
import type { AppendJob } from './destination-writer.ts';
import { FrameLease, LeasedBatch } from './leased-batch.ts';
import type { Ask, LogAddress } from './log-answers.ts';

/** Sizes that are kept encoded: the full one, and what is left over at the end of a partition. */
const keptSizesMax = 4;
/** How long the leader may wait for its followers to cut, too, in ms. */
const cutTimeoutMs = 10_000;
const noTimestamp = -1n;

/** Makes filler batches. */
export class Filler {
  readonly #encoded = new Map<number, Buffer>();

  /** The job that appends one filler; the caller adds where it goes and who is told. */
  job({ identity, count }: FillerAppend): Pick<AppendJob, 'batch' | 'identity'> {
    // Copied, because a writer stamps its batch in place while another partition's may still be on its way.
    const view = new BatchView(Buffer.from(this.#bytes(count)), 0);
    const lease = new FrameLease(() => {});
    const batch = new LeasedBatch(view, lease);
    lease.release();
    return { batch, identity };
  }

  #bytes(count: number): Buffer {
    let bytes = this.#encoded.get(count);
    if (bytes === undefined) {
      bytes = fillerBatch({ count, timestamp: noTimestamp });
      const [oldest] = this.#encoded.keys();
      if (this.#encoded.size === keptSizesMax && oldest !== undefined) this.#encoded.delete(oldest);
      this.#encoded.set(count, bytes);
    }
    return bytes;
  }
}

/**
 * Cuts everything below `beforeOffset` off, on the leader and its followers, and answers the log start then.
 * @throws LockstepError NOT_AUTHORIZED without DELETE on the topic; KAFKA_ERROR POLICY_VIOLATION (44) where
 * cleanup.policy has no `delete`, OFFSET_OUT_OF_RANGE (1) above the high watermark; retriable ones when a follower lags.
 */
export async function cutStart(ask: Ask, log: LogAddress, beforeOffset: bigint): Promise<bigint> {
  const { topic, partition } = log;
  const answer = await ask(apis.DeleteRecords, {
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, offset: beforeOffset }] }],
    timeoutMs: cutTimeoutMs,
  });
  const found = answer.topics
    .find(({ name }) => name === topic)
    ?.partitions.find(({ partitionIndex }) => partitionIndex === partition);
  if (found === undefined) {
    throw new LockstepError('FRAME_INVALID', `the broker left out the cut of ${topic}-${partition}`);
  }
  if (found.errorCode === 0) return found.lowWatermark;
  const { name, retriable } = kafkaError(found.errorCode);
  const isRight = name === 'TOPIC_AUTHORIZATION_FAILED';
  throw new LockstepError(
    isRight ? 'NOT_AUTHORIZED' : 'KAFKA_ERROR',
    `cutting off what is below offset ${beforeOffset} of ${topic}-${partition}: ${name}${isRight ? '; grant DELETE on the topic' : ''}`,
    { retriable, detail: { topic, partition, kafkaError: name, number: found.errorCode } },
  );
}
