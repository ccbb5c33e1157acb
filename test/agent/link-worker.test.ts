// One link at one agent, while it meets its topics: what it has started by then can be told and given away.
import { expect, test } from 'vitest';
import { resolveRecord } from '../../src/agent/declarations.ts';
import { LinkWorker } from '../../src/agent/link-worker.ts';
import { Cluster, systemClock } from '../../src/client/index.ts';
import { ControlTopic, type LinkRecord } from '../../src/control/index.ts';
import { configOf } from '../client/support.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const oracle = useOracle();
const topicCount = 30;

test('a partition is given away while the link still meets its other topics', async () => {
  const topics = Array.from({ length: topicCount }, (_, index) => uniqueTopic(`met${index}`));
  await oracle.createTopics(
    regions['us-east'],
    topics.map((name) => ({ name, partitions: 1 })),
  );
  const destination = await Cluster.connect(configOf(regions['eu-west']));
  const control = await ControlTopic.open(destination, { mayCreate: true, onWarning: () => {} });
  const record: LinkRecord = {
    ...{ v: 1, name: 'us-to-eu', destination: 'eu-west', config: { topics }, generation: 1 },
    ...{ createdAtMs: 1, changedAtMs: 1 },
    source: { name: 'us-east', bootstrap: regions['us-east'].bootstrap },
  };
  let isOurs = true;
  const worker = new LinkWorker({
    ...{ record, destination, control, agentPrincipal: null, clock: systemClock, onNotice: () => {} },
    resolve: (declared) => resolveRecord(declared, { folder: process.cwd(), environment: {} }),
    owns: () => isOurs,
    isLeader: () => true,
    keeperStore: () => ({ entries: () => new Map(), put: async () => {} }),
  });
  try {
    worker.start();
    await waitFor(() => worker.status().partitions.length > 0, {
      deadlineMs: 60_000,
      describe: () => `a partition that is copied: ${JSON.stringify(worker.status())}`,
    });
    const { topics: met, discoveryError } = worker.topicsStatus();
    expect(met.length).toBeLessThan(topicCount);
    // Not "nothing is selected": it has not looked at all of them yet.
    expect(discoveryError).toBe('connecting to the source');
    const [given] = worker.status().partitions;
    isOurs = false;
    await worker.release([given!]);
    expect(worker.status().partitions.map(({ topic }) => topic)).not.toContain(given!.topic);
  } finally {
    await worker.stop();
    await control.close();
    destination.close();
  }
}, 120_000);
