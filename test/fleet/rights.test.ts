// READ on the group: without it nobody joins, and whoever loses it hears which right it is.
import { afterEach, describe, expect, test } from 'vitest';
import { type Acl, Cluster, createAcls, deleteAcls } from '../../src/client/index.ts';
import { configOf } from '../client/support.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { makeMember, sharedOut, type TestMember, workOf } from './members.ts';

const admin = { username: 'ann', password: 'ann-secret' };
const agent = { username: 'agent', password: 'agent-secret' };
const regions = useRegions({
  'eu-west': {
    security: {
      sasl: { users: [admin, agent], mechanisms: ['SCRAM-SHA-256'] },
      authorizer: { superUsers: ['User:ann'] },
    },
  },
});
const work = workOf(20);
const readGroup: Acl = {
  resourceType: 'GROUP',
  resourceName: 'lockstep',
  patternType: 'LITERAL',
  principal: 'User:agent',
  host: '*',
  operation: 'READ',
  permission: 'ALLOW',
};

describe('the right to the group', () => {
  const running: TestMember[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((member) => member.end()));
  });
  const make = async (): Promise<TestMember> => {
    const member = await makeMember('a', regions['eu-west'].bootstrapOf('SASL_PLAINTEXT'), {
      groupId: 'lockstep',
      work: () => work,
      sasl: { mechanism: 'SCRAM-SHA-256', ...agent },
    });
    running.push(member);
    return member;
  };

  test('is named where it is missing; with it alone a member joins; taken away, the work stops', async () => {
    const cluster = await Cluster.connect(
      configOf(regions['eu-west'], 'SASL_PLAINTEXT', { sasl: { mechanism: 'SCRAM-SHA-256', ...admin } }),
    );
    try {
      const without = await make();
      await expect(without.membership.start()).rejects.toMatchObject({
        code: 'NOT_AUTHORIZED',
        message: expect.stringMatching(/Grant this user READ on group lockstep/),
      });

      await createAcls(cluster, [readGroup]);
      const member = await make();
      await waitFor(
        async () => {
          await member.membership.start();
          return true;
        },
        { deadlineMs: 20_000, describe: 'the right to arrive' },
      );
      expect(member.owned.size).toBe(20);

      await deleteAcls(cluster, [{ principal: 'User:agent' }]);
      await waitFor(() => member.owned.size === 0, { deadlineMs: 20_000, describe: 'the work to stop' });
      expect(member.notices.join('\n')).toMatch(
        /GROUP_AUTHORIZATION_FAILED \(30\).*Grant this user READ on group lockstep/,
      );
      expect(member.membership.status().lastError).toMatch(/READ on group lockstep/);

      await createAcls(cluster, [readGroup]);
      await sharedOut([member], work, 30_000);
    } finally {
      cluster.close();
    }
  });
});
