// Producers stopped by ACLs where a link copies ACLs: the denial at the old primary is a rule of the source like others,
// and must not follow them to the new primary. Judge: kcat as a user with a password.
import { expect, test } from 'vitest';
import { createAcls, describeAcls, unwrap } from '../../src/client/index.ts';
import { kcatProduce } from '../support/kcat.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { MovableRegions } from './movable-regions.ts';

const alice = { username: 'alice', password: 'alice-secret' };
const security = { sasl: { users: [alice] }, authorizer: {} };
const regions = useRegions({ 'us-east': { security }, 'eu-west': { security } });

test('who was denied for a switchover may write at the new primary', async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
  const sync = { acls: { every: '1s', principals: ['User:alice'], resources: ['topic'] } };
  await using movable = await MovableRegions.start({ regions: [us, eu], topics: ['orders'], link: { sync } });
  const rulesAt = async (region: typeof us) =>
    (await describeAcls(movable.clusters.get(region.name)!, { principal: 'User:alice' }))
      .map(({ permission, operation }) => `${permission} ${operation}`)
      .sort();
  const rule = { resourceType: 'TOPIC', resourceName: 'orders', patternType: 'LITERAL', host: '*' } as const;
  const acls = (['WRITE', 'DESCRIBE'] as const).map((operation) => ({
    ...{ ...rule, operation, principal: 'User:alice', permission: 'ALLOW' as const },
  }));
  for (const outcome of await createAcls(movable.clusters.get(us.name)!, acls)) unwrap(outcome);
  await waitFor(async () => String(await rulesAt(eu)) === 'ALLOW DESCRIBE', {
    ...{ deadlineMs: 30_000, describe: 'the rules to be copied, and WRITE to be withheld' },
  });

  const there = await movable.type('switchover', '--to', 'eu-west', '--deny-writes', '--yes');
  expect(there.exitCode, there.stdout + there.stderr).toBe(0);
  expect(await rulesAt(eu)).toEqual(['ALLOW DESCRIBE', 'ALLOW WRITE']);
  const config = {
    ...{ 'security.protocol': 'sasl_plaintext', 'sasl.mechanism': 'PLAIN', 'message.timeout.ms': '4000' },
    ...{ 'sasl.username': alice.username, 'sasl.password': alice.password },
  };
  const bootstrap = eu.bootstrapOf('SASL_PLAINTEXT');
  await kcatProduce({ ...{ bootstrap, topic: 'orders', config }, records: [{ key: 'k', value: 'v' }] });
}, 180_000);
