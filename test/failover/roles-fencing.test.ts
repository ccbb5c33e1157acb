// An old primary that comes back while its clients still know it, on brokers with Kafka's authorizer: writes to it are
// refused as soon as an agent runs there, though nothing is mirrored into it yet. Judge: kcat as a user with a password.
import { expect, test } from 'vitest';
import type { Region } from '../../src/regions/index.ts';
import { openFleet } from '../agent/running-fleet.ts';
import { kafkaTool } from '../support/kafka-tools.ts';
import { kcatProduce } from '../support/kcat.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { group, produce, turned, writeGroupFile } from './grouped-regions.ts';

const alice = { username: 'alice', password: 'alice-secret' };
const security = { sasl: { users: [alice] }, authorizer: {} };
const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': { security }, 'eu-west': { security } });
const oracle = useOracle();
const [forth, back] = ['us-east-to-eu-west', 'eu-west-to-us-east'];

async function aliceMayWrite(region: Region, topic: string): Promise<boolean> {
  try {
    await kcatProduce({
      ...{ bootstrap: region.bootstrapOf('SASL_PLAINTEXT'), topic, records: [{ key: 'k', value: 'v' }] },
      config: {
        'security.protocol': 'sasl_plaintext',
        'sasl.mechanism': 'PLAIN',
        'sasl.username': alice.username,
        'sasl.password': alice.password,
        'message.timeout.ms': '4000',
      },
    });
    return true;
  } catch {
    return false;
  }
}

async function until(region: Region, topic: string, wanted: boolean): Promise<void> {
  await waitFor(async () => (await aliceMayWrite(region, topic)) === wanted, {
    ...{ deadlineMs: 40_000, pollMs: 250 },
    describe: `alice ${wanted ? 'to be let in' : 'to be kept out'} at ${region.name}`,
  });
}

test('an old primary is closed before anything is mirrored into it, and the new one is open; turned back, it is the other way', async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
  const topic = uniqueTopic('orders');
  await oracle.createTopics(us, [{ name: topic, partitions: 2 }]);
  await produce(us, topic, 20);
  for (const region of [us, eu])
    await kafkaTool(region, 'org.apache.kafka.tools.AclCommand', [
      ...['--bootstrap-server', region.bootstrap.join(',')],
      ...['--add', '--allow-principal', 'User:alice', '--operation', 'Write', '--topic', topic],
    ]);
  const file = await writeGroupFile({
    ...{ folder: folder.path, regions: [us, eu], topics: [topic], primary: us },
    link: { sync: { acls: { every: '500ms', principals: ['User:alice'] } } },
  });
  await using fleetUs = await openFleet(us);
  await using fleetEu = await openFleet(eu);
  const agentUs = await fleetUs.start('agent-us', file.of(us));
  await fleetEu.start('agent-eu', file.of(eu));
  await until(eu, topic, false);
  await fleetUs.reaches(
    'the way back to stand by',
    ({ conditions }) => conditions.get(`${back}/${topic}`)?.state === 'Standby',
  );
  expect(await aliceMayWrite(us, topic)).toBe(true);

  // us-east is lost; alice still knows it.
  await agentUs.stop();
  await fleetEu.done({ do: 'promoteMirrors', link: forth, topics: null, isNow: true, timeoutMs: 0 });
  const first = fleetEu.state.roles.get(group)!;
  const second = turned(first, eu, { changedBy: 'failover', awaitsRestore: { [us.name]: [topic] } });
  await fleetEu.done({ do: 'setRoles', roles: second, ifGeneration: 1 });
  await until(eu, topic, true);
  expect(await aliceMayWrite(us, topic)).toBe(true);
  await fleetUs.start('agent-us');
  await until(us, topic, false);
  expect(fleetUs.state.mirrors.size).toBe(0);
  expect(await aliceMayWrite(eu, topic)).toBe(true);
  expect(fleetUs.state.conditions.get(`${back}/${topic}`)).toMatchObject({ state: 'AwaitsRestore' });

  const third = turned(second, us, { awaitsRestore: { [eu.name]: [topic] } });
  for (const fleet of [fleetUs, fleetEu])
    await fleet.done({ do: 'setRoles', roles: third, ifGeneration: second.generation });
  await until(us, topic, true);
  // Here a promoted mirror stands: its promotion was in a life that has ended.
  expect(fleetEu.state.mirrors.get(`${forth}/${topic}`)).toMatchObject({ state: 'Promoted' });
  await until(eu, topic, false);
}, 240_000);
