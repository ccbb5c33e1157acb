import { expect, test } from 'vitest';
import type { LossReport, PartitionLoss } from '../../failover/loss/index.ts';
import { Output } from '../output/output.ts';
import { lossText } from './loss-text.ts';

const stream = { write: () => true };
const output = new Output({ stdout: stream, stderr: stream, environment: {} });
const atMs = Date.UTC(2026, 10, 21, 14, 3, 5);

const partition = (changes: Partial<PartitionLoss>): PartitionLoss => ({
  ...{ partition: 0, cutOffset: '80', sourceEnd: '100', sourceSeenAtMs: atMs - 2_000, perSecond: 10 },
  ...{ missing: '20', isReplicated: true, shift: '0', undecided: null, exact: null, unread: null },
  ...changes,
});

const report = (
  partitions: readonly PartitionLoss[],
  changes: Partial<LossReport['summary']> = {},
): LossReport => ({
  summary: {
    ...{ v: 1, group: 'shop', moveId: 'm-1', from: 'us-east', to: 'eu-west', by: 'ann@laptop' },
    ...{
      startedAtMs: atMs,
      writtenAtMs: atMs + 1_000,
      promotedAtMs: atMs,
      completedAtMs: null,
      topics: ['orders'],
    },
    ...{ transactions: [], transactionsLostCount: null, groups: [], remarks: [] },
    ...changes,
  },
  topics: [
    {
      ...{
        v: 1,
        topic: 'orders',
        mirrorTopic: 'orders',
        link: 'us-to-eu',
        sourceTopicId: 's',
        positions: {},
      },
      partitions,
    },
  ],
});

test('the table says what is known, what is not, and what to do', () => {
  const never = partition({
    partition: 1,
    sourceEnd: null,
    sourceSeenAtMs: null,
    missing: null,
    perSecond: null,
  });
  const back = { group: 'g', topic: 'orders', partition: 0, was: '95', is: '60', again: '20', gone: '15' };
  const groups = [{ ...back, isExact: false, heardAtMs: 1 }];
  expect(lossText(report([partition({}), never], { groups }), output)).toBe(`\
failover us-east -> eu-west at 2026-11-21 14:03:05 UTC by ann@laptop; not complete: us-east has not been read since
At least 20 records (by their offsets) in 1 of 2 partitions never came over; of 1 partition nothing is known; how much more is unknown, at 10 records a second.

TOPIC   PARTITION  CUT OFFSET  SOURCE END  SEEN          MISSING              UNDECIDED  REPLICATED
orders          0          80         100  2.0 s before  at least 20 offsets  none seen  yes
orders          1          80     unknown  unknown       unknown              unknown    yes

GROUP  TOPIC   PARTITION  WAS AT              IS AT  WENT BACK
g      orders  0          95 (as heard last)  60     by 35: 20 are read again, 15 do not exist any more

next:
  1. Systems that keep offsets outside of Kafka (Flink, Spark, sink connectors) must be rewound to the cut offset where theirs is higher: from the cut on, the same offset holds another record.
  2. Consumers of the groups below read some records again, or had read records that do not exist any more.
  3. Keep the disks of us-east: what never came over stands there only.
  4. When us-east is back: \`lockstep loss FILE\` reads what is missing exactly.
  5. Then \`lockstep restore us-east FILE\`: it saves what stands there only, and makes the region a mirror again.
`);
});

test('of many partitions those that had everything are only counted', () => {
  const whole = Array.from({ length: 25 }, (_, index) => partition({ partition: index + 1, missing: '0' }));
  const text = lossText(report([partition({}), ...whole]), output);
  expect(text).toContain('and 25 partitions that had everything, as far as is known\n');
  expect(text.match(/^orders /gm)).toHaveLength(1);
});
