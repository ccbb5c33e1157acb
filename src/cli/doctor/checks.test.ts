// Facts in, checks out: what is judged, how it is worded, and that there is a way out.
import { describe, expect, test } from 'vitest';
import type { AclOperation } from '../../client/index.ts';
import { apis } from '../../protocol/index.ts';
import type { LinkConfig } from '../../topology/index.ts';
import { Output } from '../output/output.ts';
import { type Check, type ClusterReport, checkNames, outcomeOf, type Roles } from './checks.ts';
import { fleetRightsCheck, syncRightsChecks } from './fleet-rights.ts';
import { formatDoctor } from './format.ts';
import { markerRightCheck, type TransactionRights, transactionRightCheck } from './hole-rights.ts';
import { markOf, probeChecks } from './probe-checks.ts';
import { authorizerCheck, destinationRightsCheck, sourceRightsCheck, type TopicRights } from './rights.ts';
import { settingsChecks } from './settings.ts';
import { type BrokerVersion, releaseOf, requestsCheck, versionsCheck } from './versions.ts';

const link = { name: 'us-to-eu' } as LinkConfig;
const source: Roles = { sourceOf: [link], destinationOf: [] };
const destination: Roles = { sourceOf: [], destinationOf: [link] };
const either: Roles = { sourceOf: [], destinationOf: [] };

const good: Record<string, string> = {
  'producer.id.expiration.ms': '604800000',
  'default.replication.factor': '3',
  'min.insync.replicas': '2',
  'message.max.bytes': '1048588',
  'unclean.leader.election.enable': 'false',
  'log.message.timestamp.type': 'CreateTime',
  'log.message.timestamp.before.max.ms': '9223372036854775807',
  'log.message.timestamp.after.max.ms': '3600000',
  'auto.create.topics.enable': 'false',
};

function settings(changes: Record<string, string>, roles: Roles, brokers = 3): Check[] {
  const values = new Map(Object.entries({ ...good, ...changes }));
  return settingsChecks(new Map(Array.from({ length: brokers }, (_, i) => [i + 1, values])), roles);
}

describe('settings', () => {
  test('good ones are fine in every role, and advice names a check of the list', () => {
    for (const roles of [source, destination, either]) {
      for (const check of settings({}, roles)) {
        expect(check).toMatchObject({ mark: 'ok' });
        expect(checkNames).toContain(check.name);
      }
    }
    expect(settings({}, source).map((check) => check.name)).toEqual([
      'message-size',
      'unclean-election',
      'timestamp-type',
    ]);
    expect(settings({}, destination)).toHaveLength(8);
  });

  test.each([
    ['producer.id.expiration.ms', '3600000', destination, 'producer-id-expiration', 'bad'],
    ['producer.id.expiration.ms', '86400000', destination, 'producer-id-expiration', 'advice'],
    ['default.replication.factor', '1', destination, 'replication-factor', 'advice'],
    ['min.insync.replicas', '1', destination, 'min-insync-replicas', 'advice'],
    ['unclean.leader.election.enable', 'true', source, 'unclean-election', 'advice'],
    ['unclean.leader.election.enable', 'true', destination, 'unclean-election', 'ok'],
    ['log.message.timestamp.type', 'LogAppendTime', source, 'timestamp-type', 'ok'],
    ['log.message.timestamp.type', 'LogAppendTime', destination, 'timestamp-type', 'ok'],
    ['auto.create.topics.enable', 'true', destination, 'auto-create', 'advice'],
  ] as const)('%s=%s', (name, value, roles, check, mark) => {
    const found = settings({ [name]: value }, roles).find((each) => each.name === check);
    expect(found?.mark).toBe(mark);
    expect(found?.remedy !== undefined).toBe(mark !== 'ok');
  });

  test('one replica is no advice where there are not three brokers', () => {
    const marks = settings({ 'default.replication.factor': '1', 'min.insync.replicas': '1' }, destination, 1);
    expect(marks.every((check) => check.mark === 'ok')).toBe(true);
  });

  test('where brokers differ the worst decides, and both values are told', () => {
    const bySetting = new Map([
      [1, new Map(Object.entries(good))],
      [2, new Map(Object.entries({ ...good, 'producer.id.expiration.ms': '60000' }))],
    ]);
    expect(settingsChecks(bySetting, destination)[0]).toMatchObject({
      mark: 'bad',
      detail: expect.stringContaining(
        '(brokers differ: producer.id.expiration.ms is 60000 on 2; 604800000 on 1)',
      ),
    });
  });

  test('settings that no broker tells give no check', () => {
    expect(settingsChecks(new Map([[1, new Map()]]), destination)).toEqual([]);
  });
});

describe('versions', () => {
  const versions = new Map(Object.values(apis).map((api) => [api.key, api.versions]));
  const broker = (id: number, supportedLevel: number | null): BrokerVersion => ({
    broker: id,
    supportedLevel,
    apiVersions: versions,
  });

  test.each([
    [7, '3.3'],
    [11, '3.5'],
    [21, '3.9'],
    [25, '4.0'],
    [30, '4.3'],
    [31, 'newer than 4.3'],
    [1, 'older than 3.3'],
  ])('metadata.version %i is of release %s', (level, release) => {
    expect(releaseOf(level)).toBe(release);
  });

  test('one tested release is fine; old, new, mixed and unknown ones get a word', () => {
    expect(versionsCheck([broker(1, 30), broker(2, 30)], 21)).toEqual({
      name: 'versions',
      mark: 'ok',
      detail: 'Kafka 4.3, features of 3.9 in force',
    });
    expect(versionsCheck([broker(1, 15)], 15)).toMatchObject({
      mark: 'advice',
      detail: expect.stringContaining('3.9 to 4.3'),
    });
    expect(versionsCheck([broker(1, 99)], null)).toMatchObject({ mark: 'advice' });
    expect(versionsCheck([broker(1, 30), broker(2, 21)], 21)).toMatchObject({
      mark: 'advice',
      detail: 'brokers of different releases (1: 4.3, 2: 3.9), features of 3.9 in force',
    });
    expect(versionsCheck([broker(1, null)], null)).toMatchObject({ mark: 'unknown' });
  });

  test('a request that one broker lacks, or has in a version that is too old, is bad for its role', () => {
    expect(requestsCheck([broker(1, 30)], either)).toMatchObject({ mark: 'ok' });
    const old = { ...broker(2, 7), apiVersions: new Map(versions).set(apis.Fetch.key, { min: 0, max: 11 }) };
    expect(requestsCheck([broker(1, 30), old], source)).toMatchObject({
      mark: 'bad',
      detail: 'not offered: Fetch 12 (broker 2)',
    });
    expect(requestsCheck([broker(1, 30), old], destination)).toMatchObject({ mark: 'ok' });
  });
});

describe('rights', () => {
  const topic = (name: string, operations: AclOperation[] | null, state: TopicRights['state'] = 'there') => ({
    topic: name,
    state,
    operations,
  });
  const all: AclOperation[] = ['READ', 'WRITE', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER'];

  test('of a source', () => {
    expect(sourceRightsCheck([topic('orders', all)])).toEqual({
      name: 'source-rights',
      mark: 'ok',
      detail: 'READ, DESCRIBE, DESCRIBE_CONFIGS on orders',
    });
    expect(sourceRightsCheck([topic('orders', ['DESCRIBE', 'DESCRIBE_CONFIGS']), topic('p', all)])).toEqual({
      name: 'source-rights',
      mark: 'bad',
      detail: 'no READ on orders',
      remedy: 'kafka-acls --add --allow-principal PRINCIPAL --operation Read --topic NAME',
    });
    expect(sourceRightsCheck([topic('hidden', null, 'denied')])).toMatchObject({
      mark: 'bad',
      detail: 'no DESCRIBE on hidden',
      remedy: expect.stringContaining('--operation DescribeConfigs'),
    });
    expect(sourceRightsCheck([topic('later', null, 'absent')])).toMatchObject({ mark: 'advice' });
    expect(sourceRightsCheck([])).toMatchObject({ mark: 'advice' });
    expect(sourceRightsCheck([topic('orders', null)])).toMatchObject({ mark: 'unknown' });
  });

  test('of a destination: mirrors that are there and those to be created', () => {
    expect(destinationRightsCheck([topic('orders', all)], [])).toMatchObject({ mark: 'ok' });
    expect(destinationRightsCheck([topic('orders', ['READ', 'DESCRIBE'])], [])).toMatchObject({
      mark: 'bad',
      detail: 'no WRITE on orders; no DESCRIBE_CONFIGS on orders; no ALTER on orders',
    });
    const creatable = (allowed: boolean) => [{ topic: 'new', allowed }];
    expect(destinationRightsCheck([], creatable(true))).toEqual({
      name: 'destination-rights',
      mark: 'ok',
      detail: 'no mirror is there yet, and CREATE for new',
    });
    expect(destinationRightsCheck([], creatable(false))).toMatchObject({
      mark: 'bad',
      detail: 'no right to create new',
    });
  });

  test('ALL stands for every operation, and many names are cut', () => {
    const many = Array.from({ length: 9 }, (_, i) => topic(`t${i}`, ['ALL']));
    expect(sourceRightsCheck(many).detail).toContain('t0, t1, t2, t3, t4 and 4 more');
  });

  test('for markers: either of two, and both ways out where there is none', () => {
    expect(markerRightCheck(true)).toMatchObject({ mark: 'ok' });
    expect(markerRightCheck(null)).toMatchObject({ mark: 'unknown' });
    const remedyOf = (...fallback: TransactionRights[]) => markerRightCheck(false, fallback).remedy;
    expect(markerRightCheck(false)).toMatchObject({ mark: 'advice' });
    expect(remedyOf()).toMatch(/--operation Alter --cluster \(CLUSTER_ACTION [^)]*\)$/);
    const [mine, other] = ['us-to-eu', 'b'].map((name) => ({ link: name, write: true, describe: true }));
    expect(remedyOf(mine!)).toMatch(/--operation Alter.*holes: transactions.*: our rights suffice for that$/);
    expect(remedyOf(mine!, { ...other!, write: false })).toMatch(
      /holes: transactions.*: that needs kafka-acls .*Write.* --transactional-id lockstep\.b\. --resource-pattern-type prefixed$/,
    );
  });

  test('for empty transactions: what lacks on whose transactional ids, and what grants it', () => {
    const whole = { link: 'us-to-eu', write: true, describe: true };
    expect(transactionRightCheck([whole])).toEqual({
      name: 'transaction-right',
      mark: 'ok',
      detail: 'WRITE and DESCRIBE on transactional ids that begin with lockstep.us-to-eu.',
    });
    expect(transactionRightCheck([{ ...whole, write: false, describe: false }])).toMatchObject({
      mark: 'bad',
      detail: expect.stringMatching(/^no WRITE, no DESCRIBE on .* lockstep\.us-to-eu\.:/),
      remedy:
        'kafka-acls --add --allow-principal PRINCIPAL --operation Write --operation Describe --transactional-id lockstep.us-to-eu. --resource-pattern-type prefixed',
    });
    expect(transactionRightCheck([whole, { ...whole, link: 'b', describe: false }])).toMatchObject({
      mark: 'bad',
      detail: expect.stringMatching(/^no DESCRIBE on .* lockstep\.b\.:/),
      remedy: expect.not.stringContaining('lockstep.us-to-eu'),
    });
  });

  test('of a fleet: topic, group and transactional id, each with the command that grants it', () => {
    const whole = {
      topic: topic('__lockstep', all),
      ...{ mayCreate: true, mayReadGroup: true, mayWriteTransactions: true },
    };
    expect(fleetRightsCheck('eu', whole)).toMatchObject({ name: 'fleet-rights', mark: 'ok' });
    expect(fleetRightsCheck('eu', { ...whole, topic: topic('__lockstep', null, 'absent') })).toMatchObject({
      mark: 'ok',
    });
    const none = { mayCreate: false, mayReadGroup: false, mayWriteTransactions: false };
    expect(fleetRightsCheck('eu', { topic: topic('__lockstep', null, 'absent'), ...none })).toMatchObject({
      mark: 'bad',
      detail:
        'no Create on topic __lockstep; no Read on group lockstep; no Write on transactionalId lockstep-leader, for `lockstep agent` and `lockstep run`',
      remedy: expect.stringMatching(
        /<address of eu>.* Create --topic '__lockstep'; .* --group 'lockstep'; .* --transactional-id 'lockstep-leader'$/,
      ),
    });
    expect(fleetRightsCheck('eu', { ...whole, topic: topic('__lockstep', null, 'denied') }).detail).toMatch(
      /no Read on topic __lockstep; no Write on topic __lockstep; no DescribeConfigs on topic __lockstep,/,
    );
  });

  test('of what links take along, on the cluster', () => {
    const sync = { groups: { commits: true }, acls: null, quotas: [], users: [] };
    const linkWith = (more: object, groups: string[] = []) =>
      ({ name: 'us-to-eu', groups, sync: { ...sync, ...more } }) as unknown as LinkConfig;
    const checkOf = (
      side: 'sourceOf' | 'destinationOf',
      config: LinkConfig,
      operations: AclOperation[] | null,
    ) => syncRightsChecks('eu', { sourceOf: [], destinationOf: [], [side]: [config] }, operations)[0];
    expect(checkOf('destinationOf', linkWith({}), [])).toBeUndefined();
    expect(checkOf('destinationOf', linkWith({ acls: {} }), ['DESCRIBE', 'ALTER'])).toMatchObject({
      mark: 'ok',
    });
    expect(checkOf('destinationOf', linkWith({ acls: {} }), ['DESCRIBE'])).toMatchObject({
      mark: 'bad',
      detail: expect.stringMatching(/^no Alter on the cluster,/),
      remedy: expect.stringMatching(/--operation Alter --cluster$/),
    });
    expect(checkOf('sourceOf', linkWith({ quotas: [{}] }), null)?.detail).toMatch(
      /^no Describe on the cluster; no DescribeConfigs on the cluster,/,
    );
    expect(checkOf('destinationOf', linkWith({}, ['g']), null)).toMatchObject({ mark: 'unknown' });
    // Positions that are only told need nothing there.
    expect(checkOf('destinationOf', linkWith({ groups: { commits: false } }, ['g']), null)).toBeUndefined();
  });

  test('whether anybody checks', () => {
    expect(authorizerCheck('none', true)).toMatchObject({ mark: 'advice' });
    expect(authorizerCheck('none', false)).toMatchObject({ mark: 'ok' });
    expect(authorizerCheck('present', true)).toMatchObject({ mark: 'ok' });
    expect(authorizerCheck('unknown', true)).toMatchObject({ mark: 'unknown' });
  });
});

describe('the probe', () => {
  const result = (mark: 'held' | 'broken' | 'notTried', needs: 'append' | 'marker') => ({
    id: 'gap-refused',
    rule: 'r',
    expected: 'e',
    seen: 's',
    mark,
    needs,
  });
  const report = (results: ReturnType<typeof result>[], clockDifferenceMs: number | null = 3) => ({
    results,
    clockDifferenceMs,
    leftover: null,
  });

  test('a rule that appends need and that was not tried is not fine; one for markers is advice', () => {
    expect(markOf(result('held', 'append'))).toBe('ok');
    expect(markOf(result('notTried', 'append'))).toBe('bad');
    expect(markOf(result('notTried', 'marker'))).toBe('advice');
    expect(markOf(result('broken', 'marker'))).toBe('bad');
  });

  test('is summed up, with the clock and what was left behind', () => {
    expect(probeChecks(report([result('held', 'append')]))).toMatchObject([
      { name: 'probe', mark: 'ok', detail: '1 of 1 rules held' },
      { name: 'clock', mark: 'ok', detail: "the broker's clock is 3 ms ahead of ours" },
    ]);
    expect(probeChecks(report([result('broken', 'append')], -9_000))).toMatchObject([
      { mark: 'bad', detail: '0 of 1 rules held; not: gap-refused' },
      { mark: 'advice', detail: expect.stringContaining('9.0 s behind ours') },
    ]);
    const left = { ...report([result('held', 'append')], null), leftover: '__lockstep-probe-1' };
    expect(probeChecks(left)).toMatchObject([
      { mark: 'advice', remedy: 'kafka-topics --delete --topic __lockstep-probe-1' },
      { mark: 'unknown' },
    ]);
  });
});

describe('the report', () => {
  const cluster = (mark: Check['mark'], reachable = true): ClusterReport => ({
    name: 'us',
    sourceOf: ['us-to-eu'],
    destinationOf: [],
    reachable,
    checks: [{ name: 'cluster-id', mark, detail: 'abc', remedy: 'do this' }],
    probe: null,
  });

  test('unreachable beats not fine beats fine; advice and unknown leave it fine', () => {
    expect(outcomeOf([cluster('advice'), cluster('unknown')])).toBe('fine');
    expect(outcomeOf([cluster('ok'), cluster('bad')])).toBe('notFine');
    expect(outcomeOf([cluster('bad'), cluster('bad', false)])).toBe('unreachable');
  });

  test('reads as a table with the way out below its row', () => {
    const stream = { write: () => true };
    const output = new Output({ stdout: stream, stderr: stream, environment: {} });
    expect(formatDoctor({ outcome: 'notFine', clusters: [cluster('bad')] }, output)).toBe(
      'us (source of us-to-eu)\nCHECK       RESULT  FOUND\ncluster-id  NOT OK  abc\n                    -> do this\n\n' +
        'Not fine (1 check, 1 not ok, 0 with advice, 0 unknown).\n',
    );
  });
});
