// `lockstep mirrors` as a person types it, against a fleet played by hand.
import { beforeEach, describe, expect, test } from 'vitest';
import { FakeFleet, nowMs, runWith } from '../fleet/fake-fleet.ts';
import { Output } from '../output/output.ts';
import { runProgram } from '../program.ts';

let fleet: FakeFleet;

beforeEach(() => {
  fleet = new FakeFleet()
    .agent('a1', { isLeader: true })
    .link('us-to-eu', { config: { topics: ['orders'], prefix: 'us.' } })
    .mirror('us-to-eu', 'orders', { mirrorTopic: 'us.orders' })
    .status('us-to-eu', 'orders', 0);
});

const mirrors = (...args: string[]) => runWith(fleet, ['mirrors', ...args]);
const onOrders = ['--link', 'us-to-eu', 'orders'];

describe('commands', () => {
  test.each([
    [
      ['create', '--link', 'us-to-eu', 'a', 'b', 'a'],
      { do: 'createMirrors', link: 'us-to-eu', topics: ['a', 'b'] },
    ],
    [['pause', ...onOrders], { do: 'pauseMirrors', link: 'us-to-eu', topics: ['orders'] }],
    [['resume', '--link', 'us-to-eu', '--all'], { do: 'resumeMirrors', link: 'us-to-eu', topics: null }],
    [['delete', ...onOrders, '--yes'], { do: 'deleteMirrors', link: 'us-to-eu', topics: ['orders'] }],
    [
      ['promote', ...onOrders],
      { do: 'promoteMirrors', link: 'us-to-eu', topics: ['orders'], isNow: false, timeoutMs: 60_000 },
    ],
    [
      ['promote', ...onOrders, '--timeout', '5min'],
      { do: 'promoteMirrors', link: 'us-to-eu', topics: ['orders'], isNow: false, timeoutMs: 300_000 },
    ],
    [
      ['promote', '--link', 'us-to-eu', '--all', '--now', '--yes'],
      { do: 'promoteMirrors', link: 'us-to-eu', topics: null, isNow: true, timeoutMs: 0 },
    ],
  ])('%j asks the fleet for it', async (args, body) => {
    expect((await mirrors(...args)).exitCode).toBe(0);
    expect((await mirrors(...args, '--dry-run')).exitCode).toBe(0);
    expect(fleet.sent.map((sent) => [sent.body, sent.options.isDryRun])).toEqual([
      [body, false],
      [body, true],
    ]);
  });

  test.each([
    [['pause', '--link', 'us-to-eu'], /which mirrors\? Name their topics, or say --all/],
    [['pause', ...onOrders, '--all'], /not both/],
    [['pause', '--link', 'us-to-eu', 'order'], /has no mirror of order; did you mean orders\?/],
    [['pause', '--link', 'us-to-eu', 'us.orders'], /named as their topic at the source: orders/],
    [['pause', '--link', 'us-too-eu', 'orders'], /did you mean us-to-eu\?/],
    [['pause', 'orders'], /required option '--link <link>' not specified/],
    [['describe', 'orders'], /topics of which link\? Say --link/],
    [
      ['promote', ...onOrders, '--now'],
      /promote 1 mirror of us-to-eu at once has to be confirmed.*add --yes/,
    ],
    [['promote', ...onOrders, '--now', '--timeout', '5s', '--yes'], /--now waits for nothing/],
    [['promote', ...onOrders, '--timeout', 'soon'], /Expected a time from 1ms to 24h/],
    [['delete', ...onOrders], /delete 1 mirror of us-to-eu has to be confirmed/],
  ])('%j is told in a line, with 2, and nothing is sent', async (args, line) => {
    const { exitCode, stderr, stdout } = await mirrors(...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(line);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(fleet.sent).toEqual([]);
  });
});

describe('mirrors list', () => {
  test('counts partitions whose lag is not known', async () => {
    expect((await mirrors('list')).stdout).toBe(
      [
        'LINK      TOPIC   MIRROR     STATE      SINCE    PARTITIONS                          LAG  BEHIND',
        'us-to-eu  orders  us.orders  Mirroring  2 h ago           2  10, unknown for 1 partition  250 ms',
        '',
      ].join('\n'),
    );
  });
});

test('a mirror whose partitions have ended is not told to be simply Mirroring', async () => {
  fleet.status('us-to-eu', 'orders', 0, { state: 'Fenced' });
  expect((await mirrors('list')).stdout).toContain('  Mirroring, 1 Fenced  ');
});

describe('mirrors describe', () => {
  test('has a line for each partition; what nobody told is unknown, never 0', async () => {
    expect((await mirrors('describe')).stdout).toBe(`mirror us-to-eu/orders -> us.orders  Mirroring for 2 h
PARTITION  STATE      SOURCE END  MIRROR END      LAG   BEHIND  AGENT    TOLD       LAST FETCH
        0  Mirroring        1010        1000       10   250 ms  a1       2.0 s ago  500 ms before
        1  unknown       unknown     unknown  unknown  unknown  unknown  unknown    unknown

`);
  });

  test('reasons stand below the table, and JSON has everything', async () => {
    fleet.status('us-to-eu', 'orders', 1, {
      state: 'WaitingForTransaction',
      reason: 'producer 7 has it open',
      sourceEnd: '9007199254740993',
      lagRecords: null,
      lastError: 'fetching: NOT_LEADER',
    });
    const { stdout } = await mirrors('describe', ...onOrders);
    expect(stdout).toContain(
      '\n  partition 1: producer 7 has it open\n  partition 1: last error: fetching: NOT_LEADER\n',
    );
    const json = (await mirrors('describe', ...onOrders, '--json')).stdout;
    expect(json).toContain('"sourceEnd": 9007199254740993');
    expect(JSON.parse(json).mirrors[0].partitions).toMatchObject([
      { partition: 0, lagRecords: 10, agent: 'a1', isAgentAlive: true },
      { partition: 1, lagRecords: null, state: 'WaitingForTransaction' },
    ]);
  });

  test('what many partitions have in common is said once', async () => {
    for (const partition of [0, 1])
      fleet.status('us-to-eu', 'orders', partition, { reason: 'reading: gone', lastError: 'gone' });
    const { stdout } = await mirrors('describe', ...onOrders);
    expect(stdout).toContain('\n  partitions 0, 1: reading: gone\n');
    expect(stdout).not.toContain('last error');
  });

  test('without an agent: what was told last, its age, and that nobody runs', async () => {
    fleet.agent('a1', { atMs: nowMs - 600_000 }).status('us-to-eu', 'orders', 0, { atMs: nowMs - 601_000 });
    const { stdout, stderr, exitCode } = await mirrors('describe');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('10 min 1 s ago, agent gone');
    expect(stderr).toContain(
      'no agent is running (the last was heard 10 min ago); shown is what was told last',
    );
  });

  test('a promoted mirror shows where it was cut', async () => {
    fleet.mirror('us-to-eu', 'orders', { state: 'Promoted', promotion: promotion() });
    const { stdout } = await mirrors('describe', ...onOrders);
    expect(stdout).toContain('CUT OFFSET');
    expect(stdout).toContain('at least 10');
  });
});

function promotion() {
  const partitions = [
    {
      partition: 0,
      cutOffset: '1000',
      sourceEnd: '1010',
      sourceSeenAtMs: nowMs - 12_000,
      missingRecords: '10',
      isReplicated: true,
    },
    {
      partition: 1,
      cutOffset: '7',
      sourceEnd: null,
      sourceSeenAtMs: null,
      missingRecords: null,
      isReplicated: false,
    },
  ];
  return { commandId: 'c-1', kind: 'now' as const, requestedAtMs: nowMs, deadlineMs: nowMs, partitions };
}

describe('mirrors promote', () => {
  test('--now says what is lost before, and how each partition ended after', async () => {
    fleet.answer = {
      message: '1 promoted',
      changes: [{ what: 'mirror', name: 'us-to-eu/orders', action: 'promote', details: [] }],
      promoted: [{ topic: 'us.orders', partitions: promotion().partitions }],
    };
    const args = ['mirrors', 'promote', ...onOrders, '--now'];
    const { exitCode, stdout, stderr, questions } = await runWith(fleet, args, ' Yes ');
    expect({ exitCode, questions }).toEqual({
      exitCode: 0,
      questions: ['promote 1 mirror of us-to-eu at once? Type yes to go on: '],
    });
    expect(stderr).toContain('  orders  Mirroring  lag 10 records, 250 ms, unknown for 1 partition\n');
    expect(stderr).toContain('where the lag is unknown, so is the loss');
    expect(stdout).toBe(`mirror us-to-eu/orders promoted
TOPIC      PARTITION  CUT OFFSET  SOURCE END  SOURCE SEEN      MISSING  REPLICATED
us.orders          0        1000        1010  12.0 s ago   at least 10  yes
us.orders          1           7     unknown  unknown          unknown  NO
`);
    expect(stderr).toContain('at least 10 records of the source are missing, in 1 partition');
    expect(stderr).toContain(
      'what is missing is unknown for us.orders-1: nobody knows where the source ended',
    );
    expect(stderr).toContain('the tail of us.orders-1 is not replicated yet');
  });

  test('on a terminal the progress is gone before the answer is there', async () => {
    const { promise: isShown, resolve: shown } = Promise.withResolvers<void>();
    let screen = '';
    const stream = {
      isTTY: true,
      columns: 200,
      write: (text: string) => {
        screen += text;
        if (text.includes('Draining')) shown();
        return true;
      },
    };
    fleet.mirror('us-to-eu', 'orders', { state: 'Draining', reason: 'writes go on' });
    const answer = fleet.send.bind(fleet);
    fleet.send = async (...args) => {
      await isShown;
      fleet.answer = { promoted: [{ topic: 'orders', partitions: promotion().partitions }] };
      return answer(...args);
    };
    const output = new Output({ stdout: stream, stderr: stream, environment: { NO_COLOR: '1' } });
    await runProgram(['mirrors', 'promote', ...onOrders, '--bootstrap-server', 'eu:1'], {
      output,
      signal: new AbortController().signal,
      environment: {},
      connectFleet: async () => fleet,
    });
    const erase = '\u001b[1A\u001b[0J';
    const [before, after, ...more] = screen.split(erase);
    expect(before).toContain(
      '  orders  Draining   lag 10 records, 250 ms, unknown for 1 partition  (writes go on)\n',
    );
    expect(after).toMatch(/^TOPIC /);
    expect(more).toEqual([]);
  });

  test('of all mirrors the paused ones are left out, which is told and no success', async () => {
    fleet.mirror('us-to-eu', 'bills', { state: 'Paused' });
    const { exitCode, stderr } = await mirrors('promote', '--link', 'us-to-eu', '--all');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('the lag of 1 mirror to be gone');
    expect(stderr).toContain('lockstep: bills: not promoted while paused');
    expect((await mirrors('promote', '--link', 'us-to-eu', '--all', '--now', '--yes')).exitCode).toBe(0);
  });

  test('who is interrupted is told that the fleet is not', async () => {
    const stopping = new AbortController();
    fleet.send = async () => {
      stopping.abort();
      throw stopping.signal.reason;
    };
    const ended = await runWith(fleet, ['mirrors', 'promote', ...onOrders], undefined, stopping.signal);
    expect(ended).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('the fleet goes on with it'),
    });
    expect(fleet.isClosed).toBe(true);
  });

  test('a promotion that timed out ends with the code of its refusal', async () => {
    fleet.answer = {
      state: 'refused',
      code: 'REQUEST_TIMED_OUT',
      message: 'us-to-eu/orders: the lag stayed',
    };
    const { exitCode, stderr } = await mirrors('promote', ...onOrders, '--timeout', '1s');
    expect(exitCode).toBe(3);
    expect(stderr).toContain('waiting up to 1.0 s for writes to stop and the lag of 1 mirror to be gone');
    expect(stderr).toContain('lockstep: us-to-eu/orders: the lag stayed\n');
  });
});
