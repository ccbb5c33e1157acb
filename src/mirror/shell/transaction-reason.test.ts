import { describe, expect, it, test } from 'vitest';
import type { OpenTransaction } from './find-open-transactions.ts';
import { type ReasonContext, transactionReason } from './transaction-reason.ts';

const context: ReasonContext = {
  topic: 'orders',
  partition: 3,
  lastStableOffset: 12345n,
  highWatermark: 12400n,
  bootstrap: 'us1:9092,us2:9092',
  isSecured: false,
  nowMs: 1_000_000,
};
const holder = { producerId: 4711n, startOffset: 12345n, lastTimestamp: 1_700_000_000_000n };
const open = {
  kind: 'open',
  ...holder,
  transactionalId: 'payments-1',
  startedAtMs: 748_000n,
  timeoutMs: 900_000,
} as const;
const abort =
  'kafka-transactions.sh --bootstrap-server us1:9092,us2:9092 abort --topic orders --partition 3 --start-offset 12345';

const cases: [string, OpenTransaction | null, string][] = [
  ['nothing is known yet', null, 'a transaction is open at the source; whose is being asked'],
  [
    'it is open',
    open,
    "the transaction of producer id 4711 (transactional id payments-1) has been open for 4 min 12 s since offset 12345; it ends by itself at its time-out of 15 min, or: kafka-transactions.sh --bootstrap-server us1:9092,us2:9092 forceTerminateTransaction --transactionalId=payments-1 (Kafka's tools of 4.3)",
  ],
  [
    'it hangs',
    { kind: 'hanging', ...holder, transactionalId: null },
    `the transaction of producer id 4711 hangs since offset 12345, its newest record of 2023-11-14T22:13:20.000Z: no coordinator knows it, so nothing ends it but: ${abort}`,
  ],
  [
    'its coordinator goes on without this partition',
    { kind: 'hanging', ...holder, lastTimestamp: -1n, transactionalId: 'payments-1' },
    `the transaction of producer id 4711 (transactional id payments-1) hangs since offset 12345: its coordinator does not have this partition in it, so nothing ends it but: ${abort}`,
  ],
  [
    'its name is not for us',
    { kind: 'nameless', ...holder, lastTimestamp: -1n },
    `the transaction of producer id 4711 is open since offset 12345; to learn whose it is, grant Lockstep's user DESCRIBE on transactional ids at the source; if its application is gone and it stays longer than its time-out (at most transaction.max.timeout.ms, 15 min by default): ${abort}`,
  ],
  [
    'a right is missing',
    { kind: 'unknown', reason: 'denied', missingRight: 'READ on topic orders' },
    "a transaction is open at the source; to learn whose, grant Lockstep's user READ on topic orders at the source, or: kafka-transactions.sh --bootstrap-server us1:9092,us2:9092 find-hanging --topic orders --partition 3",
  ],
  [
    'asking failed',
    { kind: 'unknown', reason: 'no answer.', missingRight: null },
    'a transaction is open at the source, and asking for it failed: no answer. To find it: kafka-transactions.sh --bootstrap-server us1:9092,us2:9092 find-hanging --topic orders --partition 3',
  ],
];
test.each(cases)('says in one line what holds it up when %s', (_name, transaction, line) => {
  expect(transactionReason(transaction, context)).toBe(`55 offsets from 12345 on wait: ${line}`);
});

test('counts what waits', () => {
  expect(transactionReason(null, { ...context, highWatermark: 12346n })).toMatch(
    /^1 offset from 12345 on waits: /,
  );
  expect(transactionReason(null, { ...context, highWatermark: 22345n })).toMatch(/^10,000 offsets from/);
});

describe('a transaction that ends by itself', () => {
  it('has nothing to be done while its markers are written', () => {
    const ending = { kind: 'ending', ...holder, transactionalId: 'p', state: 'PrepareCommit' } as const;
    expect(transactionReason(ending, context)).toContain('is being committed; nothing has to be done');
    expect(transactionReason({ kind: 'ended' }, context)).toContain('nothing has to be done');
  });

  it('is said to be aborted soon when its time-out is over, and never to be open for less than nothing', () => {
    expect(transactionReason({ ...open, timeoutMs: 60_000 }, context)).toContain(
      'its time-out of 1 min is over and its coordinator is about to abort it',
    );
    expect(transactionReason({ ...open, startedAtMs: 2_000_000n }, context)).toContain('open for 0 ms');
  });
});

describe('names that others have chosen', () => {
  it('are quoted for the shell', () => {
    const line = transactionReason({ ...open, transactionalId: "a b'; rm -rf $HOME" }, context);
    expect(line).toContain("--transactionalId='a b'\\''; rm -rf $HOME'");
  });

  it('can not draw on a terminal or break the line', () => {
    const line = transactionReason({ ...open, transactionalId: 'a\u001b[2Jb\nc\u202ed' }, context);
    expect(line).toContain('(transactional id a?[2Jb?c?d)');
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(line).toContain(abort);
    expect(line).not.toContain('--transactionalId');
  });

  it('can not make the line endless', () => {
    expect(transactionReason({ ...open, transactionalId: 'x'.repeat(30_000) }, context).length).toBeLessThan(
      1_200,
    );
  });
});

it('tells that the tool needs a login where the source asks for one', () => {
  expect(transactionReason(open, { ...context, isSecured: true })).toContain(
    '--bootstrap-server us1:9092,us2:9092 --command-config client.properties forceTerminateTransaction',
  );
});
