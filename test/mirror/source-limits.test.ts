// A source that has one fetch session for all, and allows no further connection: whoever is read apart is read with the
// others then, and the mirror ends identical.
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { ProduceAcks, Producer } from '@platformatic/kafka';
import { expect, it, vi } from 'vitest';
import { Cluster } from '../../src/client/index.ts';
import { SourceReader } from '../../src/mirror/shell/source-reader.ts';
import { verifyLink } from '../../src/verify/index.ts';
import { configOf } from '../client/support.ts';
import { createTopic, kafkaTool } from '../support/kafka-tools.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { startAgent } from './running-agent.ts';

const folder = useTemporaryFolder();
const regions = useRegions({
  'us-east': { brokerConfig: { 'max.incremental.fetch.session.cache.slots': '1' } },
  'eu-west': {},
});
const partitionCount = 220;
const activeCount = 10;
/** The producer's, the agent's for questions, and one to read. */
const connectionsMax = 3;
const deadlineMs = 60_000;
/** More than an answer holds that was under way. */
const goneOnRecords = 50;
const refusedWithinMs = 300;

/** Whether the broker closes a connection beyond its limit; the settings of brokers count a while after they are told. */
async function isRefused(address: string): Promise<boolean> {
  const [host, port] = address.split(':');
  const socket = connect(Number(port), host);
  socket.on('error', () => {}).resume();
  try {
    return await Promise.race([once(socket, 'close').then(() => true), pause(refusedWithinMs, false)]);
  } finally {
    socket.destroy();
  }
}

it('flows with one fetch session slot, and where no connection more is allowed', async () => {
  const source = regions['us-east'];
  const destination = regions['eu-west'];
  const topic = uniqueTopic('limits');
  await createTopic(source, topic, { partitions: partitionCount, replicationFactor: 1 });
  const takeOver = vi.spyOn(SourceReader.prototype, 'takeOver');
  const open = vi.spyOn(Cluster.prototype, 'openConnection');
  await using agent = await startAgent({ folder: folder.path, source, destination, topics: [topic] });
  const partitions = () => agent.status()?.links[0]?.partitions ?? [];
  const mirrored = () => partitions().reduce((sum, { recordsMirrored }) => sum + recordsMirrored, 0);
  const mirroring = () => partitions().filter(({ state }) => state === 'Mirroring').length;
  await waitFor(() => mirroring() === partitionCount, { deadlineMs, describe: () => `${mirroring()}` });
  const producer = new Producer({
    clientId: 'load',
    bootstrapBrokers: [...source.bootstrap],
    retries: 100,
    retryDelay: 100,
  });
  let ended = false;
  let written = 0;
  const load = (async () => {
    for (let turn = 0; !ended; turn++) {
      const messages = Array.from({ length: activeCount + 2 }, (_, index) => ({
        topic,
        partition: index < activeCount ? index : (turn * 2 + index) % partitionCount,
        value: Buffer.from(`record ${written + index}`),
      }));
      await producer.send({ messages, acks: ProduceAcks.ALL });
      written += messages.length;
      await pause(20);
    }
  })();
  const goesOn = async (count: number) => {
    const before = mirrored();
    await waitFor(() => mirrored() >= before + count, {
      deadlineMs,
      describe: () => `${mirrored() - before} of ${count}`,
    });
  };
  await waitFor(() => takeOver.mock.calls.length >= activeCount, {
    deadlineMs,
    describe: () => `${takeOver.mock.calls.length} moves`,
  });
  await goesOn(500);
  const opened = await Promise.all(
    open.mock.results.map(({ value }) => value as Promise<{ isOpen: boolean; close(): void }>),
  );
  const lanes = opened.filter(
    (connection, index) => connection.isOpen && (open.mock.contexts[index] as Cluster).name === 'source',
  );
  expect(lanes.length).toBe(2);
  await kafkaTool(source, 'kafka.admin.ConfigCommand', [
    ...['--bootstrap-server', source.bootstrap.join(',')],
    ...['--alter', '--entity-type', 'brokers', '--entity-default'],
    ...['--add-config', `max.connections.per.ip=${connectionsMax}`],
  ]);
  await waitFor(() => isRefused(source.bootstrap[0]!), { deadlineMs, describe: 'the limit to count' });
  for (const lane of lanes) lane.close();
  // Each of those that were read apart goes on, however it came back: handed over, or added anew once it had recovered.
  const before = partitions().map(({ recordsMirrored }) => recordsMirrored);
  const left = () =>
    partitions().filter(
      ({ partition, recordsMirrored }, index) =>
        partition < activeCount && recordsMirrored < before[index]! + goneOnRecords,
    ).length;
  await waitFor(() => left() === 0, { deadlineMs, describe: () => `${left()} active partitions to go on` });
  await goesOn(600);
  ended = true;
  await load;
  await producer.close(true);
  await waitFor(() => mirrored() >= written, { deadlineMs, describe: () => `${mirrored()} of ${written}` });
  await agent.stop();
  const [from, to] = await Promise.all([
    Cluster.connect(configOf(source)),
    Cluster.connect(configOf(destination)),
  ]);
  const verdict = await verifyLink({
    source: from,
    destination: to,
    waitMsMax: deadlineMs,
    topics: [{ source: topic, destination: topic }],
  }).finally(() => {
    from.close();
    to.close();
  });
  const wrong = verdict.partitions.filter(({ outcome }) => outcome !== 'identical');
  expect(wrong).toEqual([]);
});
