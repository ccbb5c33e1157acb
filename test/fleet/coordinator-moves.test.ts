// The broker that coordinates the group dies, and another one takes over: nothing moves.
import { afterEach, expect, test } from 'vitest';
import { Coordinators } from '../../src/client/index.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { makeMember, ownersOf, sharedOut, type TestMember, workOf } from './members.ts';

// One member's session outlives the time that Kafka takes to notice a dead broker (9 s) and to load the group.
const sessionTimeoutMs = 30_000;
const regions = useRegions({ 'eu-west': { brokers: 2 } });
const work = workOf(60);
const running: TestMember[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((member) => member.end()));
});

test('the coordinator is killed: the members go on with what they have under the next one', async () => {
  const region = regions['eu-west'];
  const join = async (name: string): Promise<TestMember> => {
    const member = await makeMember(name, region.bootstrap, {
      ...{ groupId: 'lockstep', work: () => work, sessionTimeoutMs },
    });
    running.push(member);
    await member.membership.start();
    return member;
  };
  const members = [await join('a'), await join('b')];
  await sharedOut(members, work, 60_000, 6);
  const coordinator = async () => {
    const connection = await members[0]!.cluster.connectionTo('any');
    return new Coordinators('eu-west').find({ type: 'group', key: 'lockstep' }, connection, 5_000);
  };
  const { nodeId } = await coordinator();
  const before = ownersOf(members);
  const killedAtMs = Date.now();
  await region.brokers.find(({ id }) => id === nodeId)!.kill();
  await waitFor(async () => (await coordinator()).nodeId !== nodeId, {
    ...{ deadlineMs: 60_000, describe: 'another broker to coordinate the group' },
  });
  await waitFor(
    () =>
      members.every(({ membership }) => {
        const { state, heartbeatAgeMs } = membership.status();
        return state === 'Stable' && heartbeatAgeMs !== null && heartbeatAgeMs < 2_000;
      }),
    {
      deadlineMs: 60_000,
      describe: () => JSON.stringify(members.map(({ membership }) => membership.status())),
    },
  );
  console.log(`the group went on ${Date.now() - killedAtMs} ms after its coordinator was killed`);
  expect(ownersOf(members)).toEqual(before);
  expect(members.map(({ membership }) => membership.status().lossCount)).toEqual([0, 0]);
  await members[1]!.end();
  await sharedOut([members[0]!], work, 30_000);
});
