// Producers stopped by ACLs, on brokers with Kafka's authorizer: what was denied is exactly what is taken away again, at
// the end and when the switchover is taken back. Judge: kcat as a user with a password.
import { expect, test } from 'vitest';
import { createAcls, describeAcls, unwrap } from '../../src/client/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { kcatProduce } from '../support/kcat.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { MovableRegions } from './movable-regions.ts';

const alice = { username: 'alice', password: 'alice-secret' };
const security = { sasl: { users: [alice] }, authorizer: {} };
const regions = useRegions({ 'us-east': { security }, 'eu-west': { security } });

async function aliceMayWrite(region: Region, topic: string): Promise<boolean> {
  const config = {
    ...{ 'security.protocol': 'sasl_plaintext', 'sasl.mechanism': 'PLAIN', 'message.timeout.ms': '4000' },
    ...{ 'sasl.username': alice.username, 'sasl.password': alice.password },
  };
  const bootstrap = region.bootstrapOf('SASL_PLAINTEXT');
  return kcatProduce({ ...{ bootstrap, topic, config }, records: [{ key: 'k', value: 'v' }] }).then(
    () => true,
    () => false,
  );
}

async function denials(movable: MovableRegions, region: Region): Promise<string[]> {
  const acls = await describeAcls(movable.clusters.get(region.name)!, { permission: 'DENY' });
  return acls
    .map(({ principal, operation, resourceName }) => `${principal} ${operation} ${resourceName}`)
    .sort();
}

test('writes are denied, which is told before; taken back, and at the end, nothing of it is left', async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
  await using movable = await MovableRegions.start({ regions: [us, eu], topics: ['orders'] });
  for (const region of [us, eu]) {
    const allow = { resourceType: 'TOPIC', resourceName: 'ord', patternType: 'PREFIXED', host: '*' } as const;
    const acls = (['WRITE', 'DESCRIBE'] as const).map((operation) => ({
      ...{ ...allow, operation, principal: 'User:alice', permission: 'ALLOW' as const },
    }));
    for (const outcome of await createAcls(movable.clusters.get(region.name)!, acls)) unwrap(outcome);
  }
  await waitFor(() => aliceMayWrite(us, 'orders'), { deadlineMs: 20_000, describe: 'alice to be let in' });
  await movable.mirrored(us);

  const plan = await movable.type('switchover', '--to', 'eu-west', '--deny-writes', '--dry-run');
  expect(plan.stderr).toMatch(/librdkafka .*: the message is dropped/);
  expect(plan.stdout).toMatch(/DENY WRITE for User:alice \(super users can not be denied\)/);
  expect(await denials(movable, us)).toEqual([]);

  // Killed while they are denied, and taken back.
  const killed = movable.begin('switchover', '--to', 'eu-west', '--deny-writes', '--yes');
  await waitFor(async () => (await denials(movable, us)).length > 0, {
    ...{ deadlineMs: 60_000, pollMs: 5, describe: () => `denials: ${killed.stdout()}${killed.stderr()}` },
  });
  killed.child.kill('SIGKILL');
  await killed.ended;
  expect(await denials(movable, us)).toEqual(['User:alice WRITE orders']);
  expect(await aliceMayWrite(us, 'orders')).toBe(false);
  const undone = await movable.type('switchover', '--to', 'eu-west', '--undo');
  expect(undone).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/1 denial taken away/) });
  expect(await denials(movable, us)).toEqual([]);
  await waitFor(() => aliceMayWrite(us, 'orders'), {
    deadlineMs: 20_000,
    describe: 'alice to be let in again',
  });

  // To the end, while alice goes on trying.
  const there = await movable.type('switchover', '--to', 'eu-west', '--deny-writes', '--yes');
  expect(there).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/from the denial until eu-west takes them/),
  });
  expect(there.stdout).toMatch(/1 denial taken away; NOBODY keeps producers from writing at us-east now/);
  expect(await denials(movable, us)).toEqual([]);
  expect(await aliceMayWrite(eu, 'orders')).toBe(true);
}, 240_000);
