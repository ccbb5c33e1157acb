// Kafka's protocol has no request for the time. But a topic with message.timestamp.type=LogAppendTime answers
// each append with the broker's clock, and the scratch topic may be made one when its work is done.
import {
  type Cluster,
  type Connection,
  incrementalAlterConfigs,
  sleep,
  systemClock,
} from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { apis } from '../../protocol/index.ts';
import { encodeBatch } from '../../records/index.ts';

/** Brokers learn of a setting a moment after the controller took it: so many tries, this far apart. */
const tries = 20;
const pauseMs = 50;
const timeoutMs = 5_000;

/** The leader's clock minus ours, in ms, give or take half a round trip; null when it does not show. */
export async function readClock(scratch: {
  cluster: Cluster;
  connection: Connection;
  topic: string;
  topicId: string;
}): Promise<number | null> {
  const { cluster, connection, topic, topicId } = scratch;
  try {
    const changes = [{ operation: 'set', name: 'message.timestamp.type', value: 'LogAppendTime' }] as const;
    await incrementalAlterConfigs(cluster, [{ resource: { type: 'topic', name: topic }, changes }]);
    for (let i = 0; i < tries; i++) {
      const sentMs = Date.now();
      const record = { offset: 0n, timestamp: BigInt(sentMs), key: null, value: null, headers: [] };
      const partitionData = [{ index: 0, records: encodeBatch([record]) }];
      const topicData = [{ name: topic, topicId, partitionData }];
      const answer = await connection.send(apis.Produce, { acks: 1, timeoutMs, topicData }, { timeoutMs });
      const middleMs = (sentMs + Date.now()) / 2;
      const appendedMs = answer.responses[0]?.partitionResponses[0]?.logAppendTimeMs ?? -1n;
      if (appendedMs >= 0n) return Math.round(Number(appendedMs) - middleMs);
      await sleep(systemClock, pauseMs);
    }
    return null;
  } catch (error) {
    if (error instanceof LockstepError) return null;
    throw error;
  }
}
