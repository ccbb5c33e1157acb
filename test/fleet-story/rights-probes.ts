// What a user may do, asked by doing it with Kafka's Java client: the answer is the broker's.
import { expect } from 'vitest';
import type { Region } from '../../src/regions/index.ts';
import type { Oracle } from '../support/read-committed-oracle.ts';
import { javaSide, writer } from './secured-regions.ts';
import { eventually, type Story } from './story.ts';

export const refused = 'TopicAuthorizationException';
/** Or what else Kafka's client threw. */
export type Verdict = 'allowed' | typeof refused | string;

/** Without idempotence, whose refusal would name the cluster and not the topic. */
export async function writing(
  oracle: Oracle,
  region: Region,
  username: string,
  topic: string,
): Promise<Verdict> {
  const workload = oracle.workload(javaSide(region, username));
  const producer = `${username} at ${region.name}`;
  try {
    await workload.producer(producer, {
      transactionalId: null,
      properties: { 'enable.idempotence': 'false', acks: 'all', 'max.block.ms': '30000' },
    });
    await workload.produce({ producer, records: [{ topic, partition: 0, key: username, value: 'a probe' }] });
    return 'allowed';
  } catch (error) {
    return nameOf(error);
  } finally {
    await workload.close(producer).catch(() => {});
  }
}

export async function reading(
  oracle: Oracle,
  region: Region,
  username: string,
  topic: string,
): Promise<Verdict> {
  try {
    await oracle.read({
      region: javaSide(region, username),
      topic,
      isolation: 'read_committed',
      recordsMax: 1,
    });
    return 'allowed';
  } catch (error) {
    return nameOf(error);
  }
}

const nameOf = (error: unknown): string => /\w+(?=:)/.exec((error as Error).message)?.[0] ?? String(error);

/** At the destination: the source's writer, a user whom the destination's own rule lets write, and a reader. */
async function rightsOn({ oracle, regions }: Story, topic: string) {
  const region = regions['eu-west'];
  return {
    writer: await writing(oracle, region, writer, topic),
    local: await writing(oracle, region, 'app-local', topic),
    reader: await writing(oracle, region, 'app-reader', topic),
    reads: await reading(oracle, region, 'app-reader', topic),
  };
}

const onMirrors = { writer: refused, local: refused, reader: refused, reads: 'allowed' };
const onPromoted = { ...onMirrors, writer: 'allowed', local: 'allowed' };

export async function expectMirrorRights(story: Story, ...topics: readonly string[]): Promise<void> {
  for (const topic of topics) expect(await rightsOn(story, topic), `rights on ${topic}`).toEqual(onMirrors);
}

/** Brokers hear of new rules a little later than the promotion does. */
export async function expectPromotedRights(story: Story, topic: string): Promise<void> {
  let seen = {};
  await eventually(
    () => `what was withheld on ${topic} to be given: ${JSON.stringify(seen)}`,
    async () => {
      seen = await rightsOn(story, topic);
      return JSON.stringify(seen) === JSON.stringify(onPromoted);
    },
  );
}
