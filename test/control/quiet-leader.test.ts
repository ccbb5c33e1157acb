// A leader that has written nothing for longer than Kafka remembers it (a week, and a day, by default) goes on writing.
import { expect, test } from 'vitest';
import { describeTransactions, unwrap } from '../../src/client/index.ts';
import { LeaderWriter } from '../../src/control/index.ts';
import { leaderTransactionalId } from '../../src/control/leader-writer.ts';
import { testLink } from '../../src/control/test-records.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { one, openControl } from './support.ts';

const regions = useRegions({
  forgetful: {
    brokerConfig: {
      'transactional.id.expiration.ms': '1000',
      'transaction.remove.expired.transaction.cleanup.interval.ms': '500',
      'producer.id.expiration.ms': '1000',
      'producer.id.expiration.check.interval.ms': '500',
    },
  },
});

test('a leader that Kafka has forgotten is known again with its next write, and fenced by the next leader', async () => {
  const { control, cluster } = await openControl(regions.forgetful);
  const leader = await LeaderWriter.take(control);
  await leader.write(one('link/us-to-eu', testLink()));
  await waitFor(
    async () => {
      const described = await describeTransactions(cluster, [leaderTransactionalId]);
      return unwrap(described.get(leaderTransactionalId)!) === null;
    },
    { deadlineMs: 20_000, describe: 'the transactional id to be forgotten' },
  );
  await leader.write(one('link/us-to-eu', { ...testLink(), generation: 2 }));
  expect(control.state.links.get('us-to-eu')?.generation).toBe(2);
  await LeaderWriter.take(control);
  await expect(leader.write(one('link/us-to-eu', null))).rejects.toMatchObject({ code: 'FENCED' });
});
