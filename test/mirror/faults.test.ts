// Brokers die, freeze and come back, agents run twice, connections are cut in mid-request, all under load. Whatever
// happens, the mirror ends identical: same offsets, same records, nothing twice. Each test shows that its fault fired.
import { setTimeout as pause } from 'node:timers/promises';
import { ProduceAcks, Producer } from '@platformatic/kafka';
import { describe, expect, it } from 'vitest';
import { mirrorCluster } from '../../src/agent/index.ts';
import { Cluster, Connection } from '../../src/client/index.ts';
import { defaultTuning, LinkMirror, linkProducerId } from '../../src/mirror/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { verifyLink } from '../../src/verify/index.ts';
import { createTopic } from '../support/kafka-tools.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { waitFor } from '../support/wait-for.ts';
import { type RunningAgent, startAgent } from './running-agent.ts';

const folder = useTemporaryFolder();
const partitions = 4;

function connect(region: Region): Promise<Cluster> {
  const bootstrap = region.bootstrap.map((address) => {
    const [host, port] = address.split(':');
    return { host: host!, port: Number(port) };
  });
  return Cluster.connect({ name: region.name, bootstrap });
}

/** Keeps writing to a topic until disposed; sends that fail while a broker is down are tried again as new records. */
class Load implements AsyncDisposable {
  acknowledged = 0;
  #isRunning = true;
  readonly #producer: Producer;
  readonly #done: Promise<void>;

  constructor(region: Region, topic: string) {
    const bootstrapBrokers = [...region.bootstrap];
    this.#producer = new Producer({
      clientId: 'load',
      bootstrapBrokers,
      retries: 2,
      retryDelay: 200,
      timeout: 5_000,
    });
    this.#done = this.#run(topic);
  }

  async #run(topic: string): Promise<void> {
    for (let round = 0; this.#isRunning; round++) {
      const messages = Array.from({ length: 40 }, (_, index) => ({
        topic,
        partition: index % partitions,
        key: Buffer.from(`key ${round}`),
        value: Buffer.from(`round ${round}, record ${index}, ${'x'.repeat(round % 300)}`),
      }));
      try {
        await this.#producer.send({
          messages,
          acks: ProduceAcks.ALL,
          compression: round % 2 === 0 ? 'none' : 'lz4',
        });
        this.acknowledged += messages.length;
      } catch {
        await pause(200);
      }
      await pause(10);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isRunning = false;
    await this.#done;
    await this.#producer.close(true);
  }
}

/** Compares both topics record by record, after waiting for the mirror to arrive. */
async function expectIdentical(
  source: Region,
  destination: Region,
  topic: string,
  recordsMin: number,
): Promise<void> {
  const [from, to] = await Promise.all([connect(source), connect(destination)]);
  try {
    const verdict = await verifyLink({
      source: from,
      destination: to,
      topics: [{ source: topic, destination: topic }],
      waitMsMax: 60_000,
    });
    const differences = verdict.partitions.filter((partition) => partition.outcome !== 'identical');
    expect(differences).toEqual([]);
    const records = verdict.partitions.reduce(
      (sum, partition) => sum + Number(partition.compared.records),
      0,
    );
    expect(records).toBeGreaterThanOrEqual(recordsMin);
  } finally {
    from.close();
    to.close();
  }
}

function totalMirrored(agent: RunningAgent): number {
  const link = agent.status()?.links[0];
  return link?.partitions.reduce((sum, partition) => sum + partition.recordsMirrored, 0) ?? 0;
}

/** Waits until the agent has copied this many records more. */
async function moreArrives(agent: RunningAgent, count: number): Promise<void> {
  const before = totalMirrored(agent);
  await waitFor(() => totalMirrored(agent) >= before + count, {
    deadlineMs: 60_000,
    describe: () => `${count} records more than ${before}; there are ${totalMirrored(agent)}`,
  });
}

function sawRecovering(agent: RunningAgent): Promise<true> {
  return waitFor(
    () => agent.status()?.links[0]?.partitions.some((partition) => partition.state === 'Recovering') === true,
    { deadlineMs: 60_000, describe: 'a partition to recover', pollMs: 10 },
  ) as Promise<true>;
}

describe('one broker on each side', () => {
  const regions = useRegions({ 'us-east': {}, 'eu-west': {} });

  it('survives the destination’s broker being killed and started again', async () => {
    const { 'us-east': source, 'eu-west': destination } = regions;
    const topic = uniqueTopic('destination-killed');
    await createTopic(source, topic, { partitions });
    await using agent = await startAgent({ folder: folder.path, source, destination, topics: [topic] });
    let written = 0;
    {
      await using load = new Load(source, topic);
      await moreArrives(agent, 400);
      await destination.brokers[0]!.kill();
      await sawRecovering(agent);
      await destination.brokers[0]!.start();
      await moreArrives(agent, 400);
      written = load.acknowledged;
    }
    await expectIdentical(source, destination, topic, written);
  });

  it('survives the source’s broker being killed and started again', async () => {
    const { 'us-east': source, 'eu-west': destination } = regions;
    const topic = uniqueTopic('source-killed');
    await createTopic(source, topic, { partitions });
    await using agent = await startAgent({ folder: folder.path, source, destination, topics: [topic] });
    let written = 0;
    {
      await using load = new Load(source, topic);
      await moreArrives(agent, 400);
      await source.brokers[0]!.kill();
      await waitFor(() => agent.partition(topic)?.lastError != null, {
        deadlineMs: 30_000,
        describe: 'trouble to be seen',
      });
      await source.brokers[0]!.start();
      await moreArrives(agent, 400);
      written = load.acknowledged;
    }
    await expectIdentical(source, destination, topic, written);
  });

  it('does not append twice when a frozen destination wakes after the answer was given up', async () => {
    const { 'us-east': source, 'eu-west': destination } = regions;
    const topic = uniqueTopic('destination-frozen');
    await createTopic(source, topic, { partitions });
    await using first = await startAgent({ folder: folder.path, source, destination, topics: [topic] });
    let written = 0;
    {
      await using load = new Load(source, topic);
      await moreArrives(first, 400);
      destination.brokers[0]!.pause();
      // Appends are under way and stay unanswered; the agent is told to stop and gives them up.
      await pause(1_500);
      const stopping = first.stop();
      await pause(500);
      destination.brokers[0]!.resume();
      await stopping;
      await using second = await startAgent({ folder: folder.path, source, destination, topics: [topic] });
      await moreArrives(second, 400);
      written = load.acknowledged;
    }
    await using third = await startAgent({ folder: folder.path, source, destination, topics: [topic] });
    await expectIdentical(source, destination, topic, written);
    expect(third.partition(topic)?.state).not.toBe('Diverged');
  });

  it('stays identical while two agents write the same partitions', async () => {
    const { 'us-east': source, 'eu-west': destination } = regions;
    const topic = uniqueTopic('two-agents');
    await createTopic(source, topic, { partitions });
    const options = { folder: folder.path, source, destination, topics: [topic] };
    await using one = await startAgent(options);
    await using two = await startAgent(options);
    // Both are at the end of a quiet topic and follow it; from here on each batch is sent by both.
    await Promise.all([one.reaches(topic, 'Mirroring'), two.reaches(topic, 'Mirroring')]);
    let written = 0;
    {
      await using load = new Load(source, topic);
      await waitFor(() => totalMirrored(one) > 200 && totalMirrored(two) > 200, {
        deadlineMs: 60_000,
        describe: () => `both agents to append; they did ${totalMirrored(one)} and ${totalMirrored(two)}`,
      });
      await waitFor(() => Math.max(totalMirrored(one), totalMirrored(two)) > 2_000, {
        deadlineMs: 60_000,
        describe: 'the faster agent to go on',
      });
      written = load.acknowledged;
    }
    await expectIdentical(source, destination, topic, written);
  });

  it('stands by while another agent copies, and takes over when it stops', async () => {
    const { 'us-east': source, 'eu-west': destination } = regions;
    const topic = uniqueTopic('stand-by');
    await createTopic(source, topic, { partitions });
    const options = { folder: folder.path, source, destination, topics: [topic] };
    const one = await startAgent(options);
    let written = 0;
    {
      await using load = new Load(source, topic);
      await moreArrives(one, 200);
      await using two = await startAgent(options);
      await two.reaches(topic, 'Settling');
      await moreArrives(one, 200);
      await one.stop();
      await moreArrives(two, 300);
      written = load.acknowledged;
    }
    await using three = await startAgent(options);
    await three.reaches(topic, 'Mirroring');
    await expectIdentical(source, destination, topic, written);
  });

  it('survives connections that are cut in the middle of requests and of answers', async () => {
    const { 'us-east': source, 'eu-west': destination } = regions;
    const topic = uniqueTopic('cut');
    await Promise.all([
      createTopic(source, topic, { partitions }),
      createTopic(destination, topic, { partitions }),
    ]);
    const [from, to] = await Promise.all([connect(source), connect(destination)]);
    const broker = destination.brokers[0]!;
    const proxy = await startTcpProxy({ host: broker.host, port: broker.port });
    await Promise.all([from.metadata({ topics: [topic] }), to.metadata({ topics: [topic] })]);
    const mirror = new LinkMirror({
      source: mirrorCluster(from, { purpose: 'reading', readBufferBytes: 65_536 }),
      destination: {
        ...mirrorCluster(to, { purpose: 'appending', readBufferBytes: 16_384 }),
        openConnection: () =>
          Connection.open({ host: '127.0.0.1', port: proxy.port, framePool: to.framePool }),
      },
      producerIdOf: () => linkProducerId({ sourceClusterId: from.clusterId, linkName: 'cut' }),
      tuning: { ...defaultTuning, settleMs: 200 },
      random: Math.random,
      nowMs: Date.now,
    });
    try {
      let written = 0;
      {
        await using load = new Load(source, topic);
        for (let partition = 0; partition < partitions; partition++) mirror.add({ topic, partition });
        const copied = (): number =>
          mirror.status().reduce((sum, { recordsMirrored }) => sum + recordsMirrored, 0);
        for (const [round, direction] of (['up', 'down', 'up', 'down', 'down'] as const).entries()) {
          const before = copied();
          await waitFor(() => copied() > before + 100, {
            deadlineMs: 30_000,
            describe: 'records to be copied',
          });
          // Cuts after an odd number of bytes: inside a request, or inside an answer after the append was done.
          proxy.setFault({ kind: 'cut', afterBytes: 1_000 + 37 * round, direction });
          await waitFor(() => proxy.counts.cut > round, {
            deadlineMs: 30_000,
            describe: 'a connection to be cut',
          });
          proxy.setFault({ kind: 'none' });
        }
        const before = copied();
        await waitFor(() => copied() > before + 100, {
          deadlineMs: 30_000,
          describe: 'records to be copied again',
        });
        written = load.acknowledged;
      }
      expect(proxy.counts.cut).toBeGreaterThanOrEqual(5);
      await expectIdentical(source, destination, topic, written);
    } finally {
      await mirror.stop(5_000);
      await proxy.close();
      from.close();
      to.close();
    }
  });
});

describe('a destination of three brokers', () => {
  const regions = useRegions({
    'us-east': {},
    'eu-west': { brokers: 3, brokerConfig: { 'min.insync.replicas': '2' } },
  });

  it('stays identical while leaders are killed one after another', async () => {
    const { 'us-east': source, 'eu-west': destination } = regions;
    const topic = uniqueTopic('leaders-killed');
    await createTopic(source, topic, { partitions });
    const extra = '    replicationFactor: 3\n';
    await using agent = await startAgent({
      folder: folder.path,
      source,
      destination,
      topics: [topic],
      extra,
    });
    let written = 0;
    {
      await using load = new Load(source, topic);
      await moreArrives(agent, 300);
      for (const broker of destination.brokers) {
        await broker.kill();
        await moreArrives(agent, 300);
        await broker.start();
        await moreArrives(agent, 200);
      }
      written = load.acknowledged;
    }
    await expectIdentical(source, destination, topic, written);
    expect(agent.notices.filter((notice) => notice.level === 'warning')).toEqual([]);
  });

  it('warns when the mirror has fewer than three replicas', async () => {
    const { 'us-east': source, 'eu-west': destination } = regions;
    const topic = uniqueTopic('one-replica');
    await createTopic(source, topic);
    await using agent = await startAgent({ folder: folder.path, source, destination, topics: [topic] });
    await agent.reaches(topic, 'Mirroring');
    const warnings = agent.notices
      .filter((notice) => notice.level === 'warning')
      .map((notice) => notice.text);
    expect(warnings.join('\n')).toContain('replication factor 1, although');
  });
});
