import { expect, test } from 'vitest';
import { lossMarkdown } from './markdown.ts';
import { costSentence } from './totals.ts';
import type { LossReport, PartitionLoss } from './types.ts';

const atMs = Date.UTC(2026, 10, 21, 14, 3, 5);

const partition = (changes: Partial<PartitionLoss>): PartitionLoss => ({
  ...{ partition: 0, cutOffset: '80', sourceEnd: '100', sourceSeenAtMs: atMs - 2_000, perSecond: 10 },
  ...{ missing: '20', isReplicated: true, shift: '0', undecided: null, exact: null, unread: null },
  ...changes,
});

function report(
  partitions: readonly PartitionLoss[],
  changes: Partial<LossReport['summary']> = {},
): LossReport {
  return {
    summary: {
      ...{ v: 1, group: 'shop', moveId: 'm-1', from: 'us-east', to: 'eu-west', by: 'ann@laptop' },
      ...{
        startedAtMs: atMs,
        writtenAtMs: atMs + 9_000,
        promotedAtMs: atMs + 2_000,
        completedAtMs: null,
        topics: ['orders'],
      },
      ...{ transactions: [], transactionsLostCount: null, groups: [], remarks: [] },
      ...changes,
    },
    topics: [
      {
        ...{ v: 1, topic: 'orders', mirrorTopic: 'orders', link: 'us-to-eu', sourceTopicId: 's' },
        ...{ partitions, positions: {} },
      },
    ],
  };
}

const exact = {
  ...{
    end: '112',
    offsets: '32',
    records: '30',
    abortedRecords: '0',
    undecidedOffsets: '0',
    deletedOffsets: '0',
  },
};

test.each([
  [
    'what is known, and that the rest is not',
    [partition({}), partition({ partition: 1, missing: '0' })],
    'At least 20 records (by their offsets) in 1 of 2 partitions never came over; the region was heard last 4.0 s before the failover, at 20 records a second; what it wrote later is unknown.',
  ],
  [
    'a region that was never heard',
    [partition({ sourceEnd: null, sourceSeenAtMs: null, missing: null, perSecond: null })],
    'How much is missing is not known; of 1 partition nothing is known; how much more is unknown.',
  ],
  [
    'the exact count',
    [partition({ exact })],
    '30 records in 1 of 1 partition never came over; they stand at the lost region only.',
  ],
  [
    'that nothing was lost',
    [partition({ exact: { ...exact, records: '0' } })],
    'Nothing was lost: 1 partition had everything.',
  ],
])('the sentence says %s', (_what, partitions, sentence) => {
  expect(costSentence(report(partitions))).toBe(sentence);
});

test('the page of a region that is still gone', () => {
  const undecided = { from: '100', to: '112', transactionalId: 'pay', producerId: '7' };
  const page = lossMarkdown(
    report([partition({ undecided, isReplicated: false })], {
      transactions: [
        {
          ...{ kind: 'undecided', transactionalId: 'pay', producerId: '7', outcome: null },
          ...{ here: null, missing: ['orders-0 from 100'], matchedBy: null },
        },
      ],
      groups: [
        {
          ...{ group: 'a|b', topic: 'orders', partition: 0, was: '95', is: '60', again: '20', gone: '15' },
          ...{ isExact: false, heardAtMs: atMs },
        },
      ],
    }),
  );
  expect(page).toBe(`# Failover from us-east to eu-west

At 2026-11-21 14:03:05 UTC, \`ann@laptop\` moved the work of shop from us-east, which was lost, to eu-west (move m-1).

**At least 20 records (by their offsets) in 1 of 1 partition never came over; the region was heard last 4.0 s before the failover, at 10 records a second; what it wrote later is unknown.**

Not complete: us-east has not been read since. \`lockstep loss FILE\` completes it when the region is back.

## What to do next

1. Systems that keep offsets outside of Kafka (Flink, Spark, sink connectors) must be rewound to the cut offset where theirs is higher: from the cut on, the same offset holds another record.
2. Look at the transactions below: some of their records came over and others did not, or may not have.
3. Consumers of the groups below read some records again, or had read records that do not exist any more.
4. Keep the disks of us-east: what never came over stands there only.
5. When us-east is back: \`lockstep loss FILE\` reads what is missing exactly.
6. Then \`lockstep restore us-east FILE\`: it saves what stands there only, and makes the region a mirror again.

## Partitions

| Topic | Partition | Cut offset | Source end | Seen | Missing | Undecided | Tail replicated |
| --- | --- | --- | --- | --- | --- | --- | --- |
| orders | 0 | 80 | 100 | 2026-11-21 14:03:03 UTC | at least 20 offsets | 12 offsets from 100 on | NO |

## Transactions

Which committed transactions are missing as a whole, or in part, is unknown until the region is back.

| Transactional id | Producer | What | Came over | Missing |
| --- | --- | --- | --- | --- |
| pay | 7 | undecided at the cut; what became of it is unknown | unknown | orders-0 from 100 |

## Consumer groups that went back

| Group | Topic | Partition | Was at | Is at | Went back |
| --- | --- | --- | --- | --- | --- |
| a\\|b | orders | 0 | 95 (as heard last) | 60 | by 35: 20 are read again, 15 do not exist any more |
`);
});

test('the page of a region that is back', () => {
  const page = lossMarkdown(
    report([partition({ exact: { ...exact, abortedRecords: '2' } })], {
      completedAtMs: atMs + 60_000,
      transactionsLostCount: 1,
      transactions: [
        {
          ...{
            kind: 'split',
            transactionalId: null,
            producerId: '7',
            outcome: 'committed',
            matchedBy: 'time',
          },
          ...{ here: ['orders-0'], missing: ['orders-1 from 80'] },
        },
      ],
    }),
  );
  expect(page).toContain('Complete: read from us-east itself at 2026-11-21 14:04:05 UTC.');
  expect(page).toContain('| orders | 0 | 80 | 112 | read | 30 records (2 aborted) | none | yes |');
  expect(page).toContain('1 committed transaction is missing as a whole.');
  expect(page).toContain(
    '| unknown | 7 | split by the cut, committed at the lost region (likely one transaction, by its time) | orders-0 | orders-1 from 80 |',
  );
  expect(page).not.toContain('Keep the disks');
});
