// Transactions at the source: what consumers with read_committed see is the same at the same offsets; markers and
// aborted records are holes.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cluster } from '../../src/client/index.ts';
import { verifyLink } from '../../src/verify/index.ts';
import { configOf } from '../client/support.ts';
import { createTopic, endOffsets } from '../support/kafka-tools.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { TransactionalWriter } from '../support/transactional-writer.ts';
import { startAgent } from './running-agent.ts';

void verifyLink;
const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
let source: Cluster;
beforeAll(async () => {
  source = await Cluster.connect(configOf(regions['us-east']));
});
afterAll(() => source.close());

it('mirrors interleaved, committed and aborted transactions', async () => {
  const topic = uniqueTopic('transactions');
  await createTopic(regions['us-east'], topic, { partitions: 1 });
  const [a, b] = await Promise.all([
    TransactionalWriter.start(source, `${topic}-a`),
    TransactionalWriter.start(source, `${topic}-b`),
  ]);
  await platformaticProduce({ bootstrap: regions['us-east'].bootstrap, topic, messages: [{ partition: 0, value: Buffer.from('plain') }] });
  for (let round = 0; round < 5; round++) {
    await a.append(topic, 0, ['a1', 'a2']);
    await b.append(topic, 0, ['b1']);
    await a.append(topic, 0, ['a3']);
    await a.end(round % 2 === 0 ? 'commit' : 'abort');
    await b.append(topic, 0, ['b2', 'b3']);
    await b.end(round % 2 === 0 ? 'abort' : 'commit');
  }
  const ends = await endOffsets(regions['us-east'], topic);
  await using agent = await startAgent({ folder: folder.path, source: regions['us-east'], destination: regions['eu-west'], topics: [topic] });
  await agent.mirrorsUpTo(topic, ends.get(0)!);
  console.log(agent.partition(topic));
  const before = Date.now();
  await a.append(topic, 0, ['live']);
  await a.end('commit');
  await agent.mirrorsUpTo(topic, ends.get(0)! + 2n);
  console.log('live transaction after', Date.now() - before, 'ms');
  expect(await endOffsets(regions['eu-west'], topic)).toEqual(await endOffsets(regions['us-east'], topic));
});
