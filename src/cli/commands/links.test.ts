// `lockstep links` as a person types it, against a fleet played by hand.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { FakeFleet, nowMs, runWith } from '../fleet/fake-fleet.ts';

let fleet: FakeFleet;
const folder = mkdtempSync(path.join(tmpdir(), 'lockstep-links-'));
afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(() => {
  fleet = new FakeFleet()
    .agent('a1', { isLeader: true })
    .link('us-to-eu')
    .mirror('us-to-eu', 'orders')
    .mirror('us-to-eu', 'payments.eu', { state: 'Paused', partitionCount: 1 })
    .status('us-to-eu', 'orders', 0)
    .status('us-to-eu', 'orders', 1, { lagRecords: '1224', behindMs: 1_200 });
});

const links = (...args: string[]) => runWith(fleet, ['links', ...args]);
const sourceFile = (text: string): string => {
  const file = path.join(folder, 'us.yaml');
  writeFileSync(file, text);
  return file;
};

describe('links create', () => {
  test('asks the fleet for what was said', async () => {
    fleet.answer = {
      changes: [{ what: 'link', name: 'b', action: 'create', details: [] }],
      message: '1 created',
    };
    const { exitCode, stdout, stderr } = await links(
      ...[
        'create',
        'b',
        '--source-bootstrap',
        'us-1:9092,us-2:9092',
        '--topics',
        'orders,a{1,2}',
        '--topics',
        'c',
      ],
      ...['--exclude-topics', 'd', '--groups', '.*', '--prefix', 'us.', '--start-at', 'latest'],
      ...['--set', 'replicationFactor=3', '--set', 'sync.groups.every=1s'],
    );
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 0,
      stdout: 'link b created\n',
      stderr: '',
    });
    expect(fleet.sent).toMatchObject([
      {
        body: {
          do: 'createLink',
          link: {
            name: 'b',
            source: { name: 'source', bootstrap: ['us-1:9092', 'us-2:9092'] },
            destination: 'destination',
            config: {
              topics: ['orders', 'a{1,2}', 'c'],
              excludeTopics: ['d'],
              groups: ['.*'],
              prefix: 'us.',
              startAt: 'latest',
              replicationFactor: 3,
              sync: { groups: { every: '1s' } },
            },
          },
        },
        options: { isDryRun: false },
      },
    ]);
    expect(fleet.isClosed).toBe(true);
  });

  test('a dry run says what would be', async () => {
    fleet.answer = { changes: [{ what: 'link', name: 'b', action: 'create', details: [] }] };
    const { stdout, stderr } = await links(
      ...['create', 'b', '--source-bootstrap', 'us:1', '--topics', 'x', '--dry-run'],
    );
    expect(stdout).toBe('link b would be created\n');
    expect(stderr).toContain('a dry run: nothing was changed');
    expect(fleet.sent[0]?.options.isDryRun).toBe(true);
  });

  test('the source’s file goes along as it is, references unresolved', async () => {
    const file = sourceFile(
      'bootstrap: [us:9093]\ntls: {ca: /ca.pem}\nsasl: {mechanism: PLAIN, username: u, password: "${file:/p}"}\n',
    );
    const { exitCode } = await links(
      'create',
      'b',
      '--source-config',
      file,
      '--source',
      'us',
      '--topics',
      'x',
    );
    expect(exitCode).toBe(0);
    expect(fleet.sent[0]?.body).toMatchObject({
      link: {
        source: {
          name: 'us',
          bootstrap: ['us:9093'],
          tls: { ca: '/ca.pem' },
          sasl: { mechanism: 'PLAIN', username: 'u', password: '${file:/p}' },
        },
      },
    });
  });

  test('a secret in the source’s file is refused with its place and the remedy, and never shown', async () => {
    const file = sourceFile(
      'bootstrap: [us:9093]\nsasl: {mechanism: PLAIN, username: u, password: hunter2}\n',
    );
    const { exitCode, stderr } = await links('create', 'b', '--source-config', file, '--topics', 'x');
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`${file}:2:`);
    expect(stderr).toMatch(/sasl\.password itself \(not shown\).*\$\{file:path\} or \$\{env:NAME\}/);
    expect(stderr).not.toContain('hunter2');
    expect(fleet.sent).toEqual([]);
  });

  test.each([
    [['create', 'b', '--topics', 'x'], /^lockstep: which source\?/],
    [['create', 'b', '--source-bootstrap', 'us:1'], /^lockstep: which topics\?/],
    [
      ['create', 'b', '--source-bootstrap', 'us', '--topics', 'x'],
      /^lockstep: --source-bootstrap: found "us"/,
    ],
    [['create', 'b', '--source-bootstrap', 'us:1', '--topics', '('], /^link b: topics\[0\]: found/],
    [
      ['create', 'b', '--source-bootstrap', 'us:1', '--topics', 'x', '--set', 'replicationFctor=3'],
      /did you mean replicationFactor\?/,
    ],
    [
      ['create', 'b', '--source-bootstrap', 'us:1', '--topics', 'x', '--set', 'replicationFactor'],
      /--set replicationFactor: expected key=value/,
    ],
    [
      ['create', 'b', '--source-bootstrap', 'us:1', '--topics', 'x', '--set', 'source=y'],
      /--set source: use --source-bootstrap/,
    ],
    [['alter', 'us-to-eu'], /^lockstep: nothing to change/],
    [['alter', 'us-to-ue', '--unset', 'groups'], /there is no link us-to-ue .*; did you mean us-to-eu\?/],
    [['alter', 'us-to-eu', '--unset', 'topics'], /^link us-to-eu: /],
    [
      ['alter', 'us-to-eu', '--unset', 'group'],
      /--unset group: no link has a key group; did you mean groups\?/,
    ],
    [['describe', 'x'], /there is no link x at destination; there is us-to-eu/],
    [['delete', 'us-to-eu'], /has to be confirmed, and there is no terminal: add --yes/],
  ])('%j is told in a line, with 2, and nothing is sent', async (args, line) => {
    const { exitCode, stderr, stdout } = await links(...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(line);
    expect(fleet.sent).toEqual([]);
  });

  test('a refusal has the exit code of its code, and JSON all the same', async () => {
    fleet.answer = { state: 'refused', code: 'USAGE', message: 'link b exists already' };
    const args = ['create', 'b', '--source-bootstrap', 'us:1', '--topics', 'x', '--json'];
    const { exitCode, stdout, stderr } = await links(...args);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: 'lockstep: link b exists already\n' });
    expect(JSON.parse(stdout)).toMatchObject({ state: 'refused', code: 'USAGE', changes: [] });
  });
});

describe('links alter', () => {
  test('sends the keys that change, and null for those that go back', async () => {
    await links('alter', 'us-to-eu', '--topics', 'orders', '--unset', 'groups', '--if-generation', '3');
    expect(fleet.sent[0]?.body).toEqual({
      do: 'alterLink',
      link: 'us-to-eu',
      changes: { topics: ['orders'], groups: null },
      ifGeneration: 3,
    });
  });

  test('a key inside another leaves its neighbours, and what was merged is bound to the generation', async () => {
    fleet.link('us-to-eu', { config: { topics: ['a'], sync: { groups: { every: '9s', deletions: true } } } });
    await links('alter', 'us-to-eu', '--set', 'sync.groups.every=2s', '--set', 'sync.configs.every=3s');
    expect(fleet.sent[0]?.body).toMatchObject({
      changes: { sync: { groups: { every: '2s', deletions: true }, configs: { every: '3s' } } },
      ifGeneration: 3,
    });
    await links('alter', 'us-to-eu', '--unset', 'sync.groups.every,sync.groups.deletions');
    expect(fleet.sent[1]?.body).toMatchObject({ changes: { sync: null } });
  });

  test('another source keeps what is not said anew', async () => {
    fleet.link('us-to-eu', { source: { name: 'us', bootstrap: ['old:1'], sasl: { a: 1 } } });
    await links('alter', 'us-to-eu', '--source-bootstrap', 'new:1');
    expect(fleet.sent[0]?.body).toMatchObject({
      source: { name: 'us', bootstrap: ['new:1'], sasl: { a: 1 } },
      ifGeneration: 3,
    });
  });
});

describe('links delete', () => {
  test('goes on when a person types yes, having seen what it means', async () => {
    const { exitCode, questions, stderr } = await runWith(
      fleet,
      ['links', 'delete', 'us-to-eu', '--with-mirrors'],
      'yes',
    );
    expect({ exitCode, questions }).toEqual({
      exitCode: 0,
      questions: ['delete link us-to-eu? Type yes to go on: '],
    });
    expect(stderr).toContain(
      '2 mirrors are closed as by promote --now, with a lag of 1,234 records, 1.2 s; the topics stay',
    );
    expect(fleet.sent[0]?.body).toEqual({ do: 'deleteLink', link: 'us-to-eu', withMirrors: true });
  });

  test('does nothing, with 1, when a person types anything else', async () => {
    const { exitCode, stderr } = await runWith(fleet, ['links', 'delete', 'us-to-eu'], 'y');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('nothing was done');
    expect(fleet.sent).toEqual([]);
  });

  test('asks nobody with --yes, or for a dry run', async () => {
    await links('delete', 'us-to-eu', '--yes');
    await links('delete', 'us-to-eu', '--dry-run');
    expect(fleet.sent.map(({ options }) => options.isDryRun)).toEqual([false, true]);
  });
});

describe('links list', () => {
  test('is a table with a line for each link', async () => {
    expect(await links('list')).toMatchObject({
      exitCode: 0,
      stderr: '',
      stdout: [
        'LINK      SOURCE   DESTINATION  TOPICS              MIRRORS  STATES                   LAG  BEHIND',
        'us-to-eu  us-east  eu-west      orders, payments.*        2  1 Mirroring, 1 Paused  1,234   1.2 s',
        '',
      ].join('\n'),
    });
  });

  test('JSON has the same, with exact numbers and null for what is unknown', async () => {
    fleet.link('new');
    const { links: listed } = JSON.parse((await links('list', '--json')).stdout);
    expect(listed).toMatchObject([
      { name: 'us-to-eu', lagRecords: 1234, behindMs: 1200, unknownCount: 0, mirrorCount: 2, generation: 3 },
      { name: 'new', lagRecords: null, behindMs: null, mirrorCount: 0 },
    ]);
  });

  test('without any link says how to begin', async () => {
    const { exitCode, stderr } = await runWith(new FakeFleet().agent('a1'), ['links', 'list']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: 'lockstep: destination has no links yet; create one with: lockstep links create\n',
    });
  });

  test('what can’t be used in the topic is told', async () => {
    fleet.put('link/newer', { v: 2 });
    expect((await links('list')).stderr).toMatch(
      /^lockstep: warning: link\/newer: written by a newer Lockstep/,
    );
    expect(await links('alter', 'newer', '--unset', 'groups')).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('link newer was written by a newer Lockstep (version 2 of its record)'),
    });
  });
});

test('a mirror that the filters do not take any more is not shown as one that is copied, whoever has told it', async () => {
  fleet.mirror('us-to-eu', 'stock');
  const lineOf = async (...command: string[]) =>
    (await links(...command)).stdout.split('\n').find((line) => / stock /.test(line));
  expect(await lineOf('describe')).toBe(
    'us-to-eu  stock        stock        Mirroring, NotSelected  2 h ago           2      -       -',
  );
  expect((await links('list')).stdout).toContain('1,234   1.2 s');
  // What can't be read may take anything.
  fleet.link('us-to-eu', { config: { topics: [{ newer: 'stock' }] } });
  expect(await lineOf('describe')).toContain('unknown');
});

describe('links describe', () => {
  test('shows the link, its mirrors and the agents', async () => {
    const { stdout, exitCode } = await links('describe', 'us-to-eu');
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`link us-to-eu
  source        us-east at us-1:9092
  cluster id    unknown
  destination   eu-west
  generation    3, changed 1 min ago
  topics        orders, payments.*
  lag           1,234 records, 1.2 s

LINK      TOPIC        MIRROR       STATE      SINCE    PARTITIONS    LAG  BEHIND
us-to-eu  orders       orders       Mirroring  2 h ago           2  1,234   1.2 s
us-to-eu  payments.eu  payments.eu  Paused     2 h ago           1      -       -

AGENT  HOST           VERSION  PARTITIONS  LEADER  HEARD      API
a1     a1-host pid 7  0.1.0             2  yes     1.0 s ago  -
`);
  });

  test('what is written for readers of MirrorMaker 2 is told, and why it is not', async () => {
    const mirrorMaker = { sourceAlias: 'us', checkpoints: {} };
    fleet.link('us-to-eu', { config: { topics: ['.*'], mirrorMaker } });
    const since = { sinceMs: nowMs - 60_000 };
    const lines = async () =>
      (await links('describe', 'us-to-eu')).stdout.match(/^ {2}(heartb|checkp|told).*$/gm);
    expect(await lines()).toBeNull(); // the leader tells of nothing yet
    fleet.agent('a1', {
      isLeader: true,
      told: [
        {
          ...{ kind: 'heartbeats', topic: 'heartbeats', state: 'Telling', reason: null, ...since },
          ...{ sourceAlias: 'us', destinationAlias: 'eu-west', lastWrittenAtMs: nowMs - 1_000 },
        },
        {
          ...{ kind: 'checkpoints', link: 'us-to-eu', topic: 'us.checkpoints.internal', ...since },
          ...{ state: 'NotAuthorized', reason: 'grant WRITE', lastWrittenAtMs: null, positionCount: 0 },
        },
      ],
    });
    expect(await lines()).toEqual([
      '  heartbeats    Telling into heartbeats, last 1.0 s ago',
      '  checkpoints   NotAuthorized into us.checkpoints.internal, 0 positions, nothing yet: grant WRITE',
    ]);
    fleet.agent('a1', { isLeader: true, atMs: nowMs - 60_000 });
    expect(await lines()).toEqual(['  told          unknown']);
  });

  test('what keeps the link or a topic from being copied is named, with its reason', async () => {
    const sinceMs = nowMs - 60_000;
    fleet
      .put('condition/us-to-eu', { state: 'Trouble', reason: 'the source does not answer', sinceMs })
      .put('condition/us-to-eu/bills', { state: 'Conflict', reason: 'another link writes it', sinceMs })
      .put('condition/us-to-eu/orders', { state: 'Refused', reason: 'it is another topic', sinceMs });
    const { stdout } = await links('describe');
    expect(stdout).toContain('  condition     Trouble for 1 min: the source does not answer\n');
    expect(stdout).toContain('  bills         Conflict for 1 min: another link writes it\n');
    expect(stdout).toMatch(/ Mirroring, Refused {2}/);
    expect((await links('list')).stdout).toContain('1 Mirroring, 1 Paused, Trouble');
    const mirror = await runWith(fleet, ['mirrors', 'describe', '--link', 'us-to-eu', 'orders']);
    expect(mirror.stdout).toContain('Mirroring for 2 h\n  Refused for 1 min: it is another topic\nPARTITION');
    const json = JSON.parse((await links('describe', '--json')).stdout);
    expect(json.links[0]).toMatchObject({
      condition: { state: 'Trouble' },
      topicConditions: [{ topic: 'bills' }, { topic: 'orders', state: 'Refused' }],
    });
  });

  test('says how many partitions wait for the link’s limit', async () => {
    fleet.link('us-to-eu', { config: { topics: ['orders'], bytesPerSecondMax: 1_048_576 } });
    expect((await links('describe', 'us-to-eu')).stdout).not.toContain('held back');
    fleet.status('us-to-eu', 'orders', 0, { isHeldBack: true, reason: 'held back by the limit of the link' });
    const { stdout } = await links('describe', 'us-to-eu');
    expect(stdout).toContain('  bytesPerSecondMax 1048576\n');
    expect(stdout).toContain('  held back     1 partition, by the link’s bytesPerSecondMax\n');
    const json = JSON.parse((await links('describe', 'us-to-eu', '--json')).stdout);
    expect(json.links[0].heldBackCount).toBe(1);
  });

  test('how far producer ids are apart is shown where that was asked for', async () => {
    fleet.link('us-to-eu', { config: { topics: ['orders'], separateProducerIds: true } });
    const told = { wantedAhead: 1_000_000, idsPerSecond: 1_000, atMs: nowMs - 60_000, error: null };
    const line = async (news?: object): Promise<string | undefined> => {
      if (news !== undefined) fleet.put('producerIds/us-to-eu', { ...told, ...news });
      return /^ {2}producer ids +(.*)$/m.exec((await links('describe', 'us-to-eu')).stdout)?.[1];
    };
    expect(await line()).toBe('unknown');
    expect(await line({ state: 'apart', ahead: 1_234_000 })).toBe('1,234,000 ahead');
    expect(await line({ state: 'growing', ahead: 400_000 })).toBe(
      '400,000 ahead, 1,000,000 wanted (10 min at 1,000 ids a second)',
    );
    expect(await line({ state: 'growing', ahead: -50_000 })).toMatch(/^50,000 BEHIND, 1,000,000 wanted/);
    expect(await line({ state: 'unknown', ahead: 1_234_000, error: 'us-east is gone' })).toBe(
      '1,234,000 ahead; told 1 min ago: us-east is gone',
    );
    expect(await line({ state: 'unknown', ahead: null, error: 'no right' })).toBe(
      'unknown; told 1 min ago: no right',
    );
    expect(await line({ state: 'standsBy', ahead: null })).toMatch(/^stands by: .*the primary/);
    expect(await line({ state: 'what a newer one tells' })).toBe('unknown');
    const json = JSON.parse((await links('describe', '--json')).stdout);
    expect(json.links[0].producerIds).toBeNull();
  });

  test('of two that have told that they lead the one heard last does', async () => {
    fleet.agent('a1', { isLeader: true, atMs: nowMs - 12_000 }).agent('a2', { isLeader: true });
    const { stdout } = await links('describe');
    expect(stdout).toMatch(/^a1 .* no /m);
    expect(stdout).toMatch(/^a2 .* yes /m);
  });

  test('an agent that was not heard for long is gone, and says nothing about the lag any more', async () => {
    fleet.agent('a1', { atMs: Date.UTC(2026, 10, 21, 11) });
    const { stdout, stderr } = await links('describe');
    expect(stdout).toContain('  lag           unknown\n');
    expect(stdout).toContain('1 h ago, gone');
    // Others copy what it had.
    expect(stdout).toMatch(/^a1 .* +- +no /m);
    expect(stderr).toBe(
      'lockstep: no agent is running (the last was heard 1 h ago); shown is what was told last. Start one with: lockstep agent\n',
    );
  });
});
