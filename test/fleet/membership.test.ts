// Members of a fleet on a real broker.
import { afterEach, describe, expect, test } from 'vitest';
import { useRegions } from '../support/region-fixtures.ts';
import { makeMember, sharedOut, type TestMember, workOf } from './members.ts';

const regions = useRegions({ 'eu-west': {} });

describe('a fleet', () => {
  const running: TestMember[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((member) => member.end()));
  });

  async function start(name: string, groupId: string, work: () => ReturnType<typeof workOf>, stopMs = 0) {
    const member = await makeMember(name, regions['eu-west'].bootstrap, { groupId, work, stopMs });
    running.push(member);
    await member.membership.start();
    return member;
  }

  test('three members share 60 items; a clean stop hands over within a second', async () => {
    const work = workOf(60);
    const a = await start('a', 'stop', () => work);
    expect(a.owned.size).toBe(60);
    const [b, c] = await Promise.all([start('b', 'stop', () => work), start('c', 'stop', () => work)]);
    await sharedOut([a, b, c], work, 30_000, 4);
    console.log(
      'shares',
      [a, b, c].map(({ owned }) => owned.size),
    );
    const startMs = Date.now();
    await c.end();
    await sharedOut([a, b], work, 10_000);
    console.log(`a clean stop handed over in ${Date.now() - startMs} ms`);
    expect(Date.now() - startMs).toBeLessThan(3_000);
    const fromLeader = Date.now();
    await a.end();
    await sharedOut([b], work, 10_000);
    console.log(`the leader's clean stop handed over in ${Date.now() - fromLeader} ms`);
  });
});
