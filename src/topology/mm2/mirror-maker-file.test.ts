// A whole mm2.properties: what it comes to, what it is told about, and what is wrong with it, by line.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { LockstepError } from '../../errors.ts';
import { parseMirrorMaker } from '../load.ts';
import type { Topology } from '../types.ts';

function load(text: string): Topology {
  return parseMirrorMaker(Buffer.from(text, 'latin1'), 'mm2.properties', {
    folder: '/',
    environment: {},
    readFile: () => {
      throw Object.assign(new Error(), { code: 'ENOENT' });
    },
  });
}

function faults(text: string): string[] {
  try {
    load(text);
  } catch (error) {
    if (error instanceof LockstepError && error.code === 'CONFIG_INVALID')
      return error.message.split('\n').map((line) => line.replace('mm2.properties:', ''));
    throw error;
  }
  return [];
}

const sample = `clusters = us-east, eu-west
us-east.bootstrap.servers = us-east-kafka:9092
eu-west.bootstrap.servers = eu-west-kafka:9092
tasks.max = 4
topics = .*
groups = .*
`;
const two = 'clusters = a, b\na.bootstrap.servers = ka:9092\nb.bootstrap.servers = kb:9092\n';
const flow = `${two}a->b.enabled = true\n`;
const link = (more: string) => load(flow + more).links['a-to-b']!;

describe('the sample that everyone copies', () => {
  test('mirrors nothing, emits heartbeats into each cluster, and names the lines that start the flows', () => {
    const topology = load(sample);
    expect(topology.links).toEqual({});
    expect(topology.warnings).toEqual([]);
    expect(topology.heartbeats).toEqual([
      { sourceAlias: 'us-east', destinationAlias: 'eu-west', destination: 'eu-west', everyMs: 1_000 },
      { sourceAlias: 'eu-west', destinationAlias: 'us-east', destination: 'us-east', everyMs: 1_000 },
    ]);
    expect(topology.notes).toEqual([
      'mm2.properties:4: tasks.max: not needed: partitions are shared out over all agents that run this file',
      'mm2.properties: no flow is enabled (as in MirrorMaker 2, A->B.enabled is false unless the file says true), so that no topic is mirrored; these lines start the flows:',
      '  us-east->eu-west.enabled = true',
      '  eu-west->us-east.enabled = true',
    ]);
  });

  test('with one of these lines it is a link, with the names of MirrorMaker 2', () => {
    const topology = load(`${sample}us-east->eu-west.enabled = true\n`);
    expect(Object.keys(topology.links)).toEqual(['us-east-to-eu-west']);
    expect(topology.links['us-east-to-eu-west']).toMatchObject({
      source: 'us-east',
      destination: 'eu-west',
      prefix: 'us-east.',
      topics: ['regex:.*'],
      excludeTopics: ['regex:mm2.*\\.internal', 'regex:.*\\.replica', 'regex:__.*'],
      groups: ['regex:.*'],
      excludeGroups: ['regex:console-consumer-.*', 'regex:connect-.*', 'regex:__.*'],
      startAt: { kind: 'earliest' },
      mirrorMaker: {
        sourceAlias: 'us-east',
        destinationAlias: 'eu-west',
        policy: 'default',
        separator: '.',
        isInternalSeparated: true,
        mirrorsHeartbeats: true,
        checkpoints: { everyMs: 60_000 },
      },
      sync: { groups: { commits: false }, acls: { resources: ['topic'], principals: ['regex:.*'] } },
    });
    expect(topology.notes?.slice(1)).toEqual([
      'mm2.properties: flows that are not enabled; these lines start them:',
      '  eu-west->us-east.enabled = true',
    ]);
  });
});

// biome-ignore format: a table
const resolved: readonly [name: string, more: string, expected: object][] = [
  ['what stands behind the flow counts more than the top', 'topics = x\na->b.topics = orders, pay.*', { topics: ['orders', 'regex:pay.*'] }],
  ['and the order of lines does not matter', 'a->b.topics = orders\ntopics = x', { topics: ['orders'] }],
  ['another flow says nothing', 'b->a.topics = orders', { topics: ['regex:.*'] }],
  ['a dot is any character, so that the item stays an expression', 'topics = orders.v1', { topics: ['regex:orders.v1'] }],
  ['an empty list excludes nothing', 'topics.exclude =', { excludeTopics: [] }],
  ['an empty list of topics takes nothing', 'topics =', { topics: ['regex:[^\\s\\S]'] }],
  ['the identity policy keeps names', 'replication.policy.class = org.apache.kafka.connect.mirror.IdentityReplicationPolicy', { prefix: '', mirrorMaker: { policy: 'identity' } }],
  ['another separator', 'replication.policy.separator = _', { prefix: 'a_', mirrorMaker: { separator: '_', isInternalSeparated: true } }],
  ['internal topics without it', 'replication.policy.separator = _\nreplication.policy.internal.topic.separator.enabled = false', { mirrorMaker: { isInternalSeparated: false } }],
  ['another alias of the source', 'a->b.source.cluster.alias = old', { prefix: 'old.', source: 'a', mirrorMaker: { sourceAlias: 'old' } }],
  ['replicas', 'replication.factor = 3', { replicationFactor: 3 }],
  ['positions are committed', 'sync.group.offsets.enabled = TRUE\nsync.group.offsets.interval.seconds = 7', { sync: { groups: { commits: true, everyMs: 7_000 } } }],
  ['checkpoints alone', 'emit.checkpoints.interval.seconds = 9\ncheckpoints.topic.replication.factor=2', { sync: { groups: { commits: false, everyMs: 9_000 } }, mirrorMaker: { checkpoints: { everyMs: 9_000, replicationFactor: 2 } } }],
  ['without checkpoints no group travels', 'emit.checkpoints.enabled = false', { groups: [], mirrorMaker: { checkpoints: null } }],
  ['a negative interval switches off', 'emit.checkpoints.interval.seconds = -1', { groups: [], mirrorMaker: { checkpoints: null } }],
  ['no ACLs', 'sync.topic.acls.enabled = false', { sync: { acls: null } }],
  ['intervals', 'refresh.topics.interval.seconds=30\nsync.topic.configs.interval.seconds=31\nsync.topic.acls.interval.seconds=32', { sync: { topics: { everyMs: 30_000 }, configs: { everyMs: 31_000 }, acls: { everyMs: 32_000 } } }],
  ['an interval of a day is an hour', 'refresh.topics.interval.seconds=86400', { sync: { topics: { everyMs: 3_600_000 } } }],
  ['settings that are not kept equal', 'config.properties.exclude = retention.*, segment.*', { sync: { configs: { also: ['delete.retention.ms', 'min.cleanable.dirty.ratio'] } } }],
  ['no settings', 'sync.topic.configs.enabled = false', { sync: { configs: { also: [] } } }],
  ['new mirrors begin at the end', 'a.consumer.auto.offset.reset = latest', { startAt: { kind: 'latest' } }],
  ['of the target it does not count', 'b.consumer.auto.offset.reset = latest', { startAt: { kind: 'earliest' } }],
  ['heartbeats topics only where topics says', 'heartbeats.replication.enabled = false', { mirrorMaker: { mirrorsHeartbeats: false } }],
];

describe('what a flow comes to', () => {
  test.each(resolved)('%s', (_name, more, expected) => {
    expect(link(more)).toMatchObject(expected);
  });
});

test('-1 replicas are the default of the destination', () => {
  expect(link('replication.factor = -1')).not.toHaveProperty('replicationFactor');
});

describe('flows and heartbeats', () => {
  const beats = (text: string) =>
    load(text).heartbeats.map((beat) => `${beat.sourceAlias}->${beat.destination}`);
  test('every pair of three clusters has a beat, and a switch of its own', () => {
    const three =
      'clusters=a,b,c\na.bootstrap.servers=a:1\nb.bootstrap.servers=b:1\nc.bootstrap.servers=c:1\n';
    expect(beats(three)).toHaveLength(6);
    expect(beats(`${three}b->c.emit.heartbeats.enabled=false\n`)).toHaveLength(5);
    expect(beats(`${three}emit.heartbeats.enabled=false\nb->c.emit.heartbeats.enabled=true\n`)).toEqual([
      'b->c',
    ]);
  });
  test('their interval and replicas', () => {
    const text = `${two}emit.heartbeats.interval.seconds=5\na->b.emit.heartbeats.interval.seconds=2\nheartbeats.topic.replication.factor=1\n`;
    expect(load(text).heartbeats).toMatchObject([
      { destination: 'b', everyMs: 2_000, replicationFactor: 1 },
      { destination: 'a', everyMs: 5_000, replicationFactor: 1 },
    ]);
  });
  test('enabled at the top counts for pairs that emit heartbeats, as in MirrorMaker 2', () => {
    expect(Object.keys(load(`${two}enabled=true\na->b.enabled=false\n`).links)).toEqual(['b-to-a']);
    expect(Object.keys(load(`${two}enabled=true\nemit.heartbeats.enabled=false\n`).links)).toEqual([]);
  });
});

describe('clusters', () => {
  test('addresses with a protocol, client ids and roles', () => {
    const { clusters } = load(
      'clusters = a, b\na.bootstrap.servers = PLAINTEXT://ka:9092 , kb:9093\nb.admin.bootstrap.servers = k:1\nb.consumer.bootstrap.servers = k:1\na.producer.client.id = app\n',
    );
    expect(clusters.a).toMatchObject({
      bootstrap: [
        { host: 'ka', port: 9092 },
        { host: 'kb', port: 9093 },
      ],
      clientId: 'app',
    });
    expect(clusters.b).toMatchObject({ bootstrap: [{ host: 'k', port: 1 }] });
  });
  test('an alias with a dot', () => {
    const text =
      'clusters = us, us.east\nus.bootstrap.servers=a:1\nus.east.bootstrap.servers=b:1\nus->us.east.enabled=true\n';
    expect(load(text).links).toMatchObject({ 'us-to-us.east': { source: 'us', destination: 'us.east' } });
  });
});

describe('what config providers hold', () => {
  const providers =
    'config.providers=env\nconfig.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider\n';
  const text = `${providers}clusters=a,b\na.bootstrap.servers=\${env:A}\nb.bootstrap.servers=kb:1\na->b.enabled=true\n`;
  const withA = (value: string, more = '') =>
    parseMirrorMaker(Buffer.from(text + more), 'mm2.properties', {
      folder: '/',
      environment: { A: value },
      readFile: () => '',
    });
  test('addresses', () => {
    expect(withA('PLAINTEXT://ka:1, kb:2').clusters.a!.bootstrap).toEqual([
      { host: 'ka', port: 1 },
      { host: 'kb', port: 2 },
    ]);
  });
  test.each([
    ['an address', ''],
    ['a boolean', 'enabled=${env:A}'],
    ['a number', 'replication.factor=${env:A}'],
    ['an expression', 'topics=(${env:A}'],
    ['a policy', 'replication.policy.class=${env:A}'],
    ['a separator', 'replication.policy.separator=${env:A}'],
    ['a start', 'a.consumer.auto.offset.reset=${env:A}'],
    ['settings', 'config.properties.exclude=(${env:A}'],
  ])('%s that is wrong is not shown', (_name, more) => {
    const secret = 's3cret!';
    const message = (() => {
      try {
        withA(secret, more);
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    })();
    expect(message).toMatch(/not shown/);
    expect(message).not.toContain(secret);
  });
});

// biome-ignore format: a table
const wrong: readonly [name: string, text: string, lines: string[]][] = [
  ['no clusters', 'tasks.max=1\n', ['1:1: found no clusters, expected clusters = us-east, eu-west']],
  ['clusters misspelt', 'clusers=a,b\na->b.enabled=true\n', ['1:1: found no clusters, expected clusters = us-east, eu-west', '1:1: found "clusers", which connect-mirror does not know, expected a property of docs/mirrormaker.md, did you mean clusters?']],
  ['one cluster', 'clusters=a\na.bootstrap.servers=k:1\n', ['1:10: found one cluster, "a", expected two or more, as in us-east, eu-west']],
  ['no address', 'clusters=a,b\na.bootstrap.servers=k:1\n', ['1:10: found "b" without an address, expected b.bootstrap.servers = host:9092']],
  ['a wrong address', `clusters=a,b\na.bootstrap.servers=k\nb.bootstrap.servers=l:1\n`, ['2:21: found "k" without a port, expected host:port, such as kafka-1:9092 or [2001:db8::1]:9092, did you mean k:9092?']],
  ['one cluster under two names', 'clusters=a,b\na.bootstrap.servers=k:1\nb.bootstrap.servers=k:1\na->b.enabled=true', ['4:14: found "b", which has the address k:1 as a does, expected another cluster']],
  ['a misspelt property', `${two}topcs = x\n`, ['4:1: found "topcs", which connect-mirror does not know, expected a property of docs/mirrormaker.md, did you mean topics?']],
  ['a misspelt property of a flow', `${two}a->b.enbled = true\n`, ['4:1: found "a->b.enbled", which connect-mirror does not know, expected a property of docs/mirrormaker.md, did you mean a->b.enabled?']],
  ['a misspelt property of a client', `${two}a.consumer.fetch.max.byte = 1\n`, ['4:1: found "a.consumer.fetch.max.byte", which connect-mirror does not know, expected a property of docs/mirrormaker.md, did you mean a.consumer.fetch.max.bytes?']],
  ['an unknown cluster in a flow', `${sample}us-east->eu-wst.enabled=true\n`, ['7:1: found the unknown cluster "eu-wst" in a flow, expected one of us-east, eu-west, did you mean eu-west?']],
  ['a misspelt cluster', `${sample}us-eest.security.protocol=SSL\n`, ['7:1: found "us-eest.security.protocol", which connect-mirror does not know, expected a property of docs/mirrormaker.md, did you mean us-east.security.protocol?']],
  ['a flow to itself', `${two}a->a.enabled=true\n`, ['4:1: found a flow from a to itself, expected two different clusters']],
  ['a flow without a property', `${two}a->b=true\n`, ['4:1: found "a->b", a flow without a property, expected one, such as a->b.enabled']],
  ['a boolean that Java reads as false', `${two}a->b.enabled=yes\n`, ['4:14: found "yes", which Java reads as false or refuses, expected true or false, did you mean true?']],
  ['a number that is none', `${flow}replication.factor=three\n`, ['5:20: found "three", expected a whole number from -1 to 32767']],
  ['a number that is none, of flows that are not enabled', `${two}replication.factor=three\n`, ['4:20: found "three", expected a whole number from -1 to 32767']],
  ['an interval of nothing', `${flow}refresh.topics.interval.seconds=0\n`, ['5:33: found 0, expected at least 1, or -1 to switch it off']],
  ['a lookahead', `${flow}topics=(?!x).*\n`, ['5:8: found "(?!x).*" (lookahead (?!...)), expected a regular expression in RE2\'s syntax: leave names out with topics.exclude']],
  ['a lookahead of groups', `${flow}groups=(?!x).*\n`, ['5:8: found "(?!x).*" (lookahead (?!...)), expected a regular expression in RE2\'s syntax: leave names out with groups.exclude']],
  ['an intersection, which RE2 reads in another way', `${flow}topics=[a-z&&[^b]]\n`, ['5:8: found "[a-z&&[^b]]" (an intersection &&), expected a regular expression in RE2\'s syntax: write the characters out']],
  ['a comma in a repetition', `${flow}topics=a{1,2}\n`, ['5:8: found "a{1" (a repetition {n} that is not closed), expected none with a comma, which parts items']],
  ['a backslash at the end', `${flow}topics=a\\\\\n`, ['5:8: found "a\\\\" (trailing backslash at end of expression), expected a regular expression']],
  ['flags that count for other items, too', `${flow}topics=(?i)a,b\n`, ['5:8: found "(?i)a" (flags that count for the items behind, too), expected a group with flags, such as (?i:orders)']],
  ['a quote that is not closed', `${flow}topics=\\\\Qa,b\n`, ['5:8: found "\\\\Qa" (\\Q without \\E), expected \\E at the end of the text']],
  ['an item twice', `${flow}topics=a, b,a\n`, ['5:8: found "a" a second time, expected each item once']],
  ['a separator that no topic may have', `${flow}replication.policy.separator=:\n`, ['5:30: found ":", expected characters that a topic\'s name may have (letters, digits, \'.\', \'_\', \'-\'), and no blanks behind']],
  ['a policy of somebody', `${flow}replication.policy.class=com.acme.Policy\n`, ['5:26: found "com.acme.Policy", expected org.apache.kafka.connect.mirror.DefaultReplicationPolicy or org.apache.kafka.connect.mirror.IdentityReplicationPolicy; with names of your own, declare links with a prefix in a lockstep.yaml']],
  ['a transformation', `${two}a->b.transforms=route\n`, ['4:1: found "a->b.transforms", and records travel byte for byte, expected a connector or a streams application of your own that transforms them']],
  ['a name of former versions', `${two}topics.blacklist=x\n`, ['4:1: found "topics.blacklist", which Kafka 4 does not know any more, expected topics.exclude']],
  ['a contradiction', `${flow}emit.offset-syncs.enabled=false\noffset-syncs.topic.location=target\n`, ['6:1: found "offset-syncs.topic.location" beside emit.offset-syncs.enabled=false on line 5, expected one of the two taken out']],
  ['positions without checkpoints', `${flow}emit.checkpoints.enabled=false\nsync.group.offsets.enabled=true\n`, ['6:28: found sync.group.offsets.enabled beside emit.checkpoints.enabled=false, with which MirrorMaker 2 copies no positions, expected both true, or both false']],
  ['how to reach a cluster for one flow alone', `${two}a->b.consumer.security.protocol=SSL\n`, ['4:1: found "a->b.consumer.security.protocol", how to reach a cluster for one flow alone, expected it with the cluster, for all flows: a.security.protocol or b.security.protocol']],
  ['an alias that names no link', 'clusters=_a,b\nb.bootstrap.servers=k:1\n', ["1:10: found \"_a\", expected an alias of letters, digits, '.', '_' and '-' that starts with a letter or digit"]],
];

describe('what is refused, by line', () => {
  test.each(wrong)('%s', (_name, text, lines) => {
    expect(faults(text)).toEqual(lines);
  });
  test('everything at once, in the order of the file', () => {
    const text = `clusters=a,b\r\na.bootstrap.servers=k\r\nb.bootstrap.servers=l:1\r\ntopcs=x\r\na->b.enabled=true\r\ntopics=(\r\nb->a.enabled=ja\r\n`;
    expect(faults(text).map((line) => line.split(' found ')[0])).toEqual(['2:21:', '4:1:', '6:8:', '7:14:']);
  });
});

// biome-ignore format: a table
const warned: readonly [name: string, more: string, lines: string[]][] = [
  ["a property of somebody's own", 'foo=bar', ['4:1: "foo" is no property of connect-mirror 4.3.1 and is ignored, as there']],
  ['a key twice', 'topics=a\ntopics=b', ['5:1: "topics" stands on line 4, too; as in Java this one counts']],
  ['a client setting at the top', 'consumer.fetch.min.bytes=1', ['4:1: consumer.fetch.min.bytes is ignored, as in MirrorMaker 2, which takes it behind a cluster (a.consumer.fetch.min.bytes) or a flow']],
  ['a setting of flows behind a cluster', 'a.replication.factor=1', ['4:1: a.replication.factor is ignored, as in MirrorMaker 2, which takes it at the top (replication.factor) or behind a flow (a->b.replication.factor)']],
  ["a worker's setting at the top", 'exactly.once.source.support=enabled', ['4:1: exactly.once.source.support is ignored, as in MirrorMaker 2, which takes it behind the destination (b.exactly.once.source.support)']],
];

describe('what is warned about', () => {
  test.each(warned)('%s', (_name, more, lines) => {
    expect(load(two + more).warnings.map((line) => line.replace('mm2.properties:', ''))).toEqual(lines);
  });
});

test('the tuned file of the benchmark is taken as it is', () => {
  const values: Record<string, string> = {
    source: 'a',
    destination: 'b',
    destinations: 'b',
    sourceBootstrap: 'ka:1',
    destinationBootstrap: 'kb:1',
    compression: 'none',
    replicationFactor: '1',
  };
  const file = new URL('../../../bench/mm2-tuned.properties', import.meta.url);
  const text = readFileSync(file, 'latin1').replaceAll(/\$\{(\w+)\}/g, (_, name) => values[name] ?? '4');
  const { links, heartbeats, warnings, notes } = load(text);
  expect(links).toMatchObject({ 'a-to-b': { topics: ['4'], replicationFactor: 1 } });
  expect(heartbeats).toMatchObject([{ destination: 'b', replicationFactor: 1 }]);
  expect(warnings).toEqual([]);
  expect(notes!.filter((line) => !line.startsWith('  ')).length).toBeLessThan(12);
  expect(notes!.join('\n')).toContain('b.producer.acks: differs: appends are always acknowledged');
});

describe('what run tells', () => {
  const notes = (more: string) => load(flow + more).notes!.filter((line) => !/enabled/.test(line));
  test('one line for each sentence, with the keys it is about', () => {
    expect(
      notes(
        'offset.lag.max=1\na->b.offset-syncs.topic.location=target\nb.config.storage.topic=x\na->b.consumer.fetch.min.bytes=1\n',
      ),
    ).toEqual([
      'mm2.properties:5,6: offset.lag.max, a->b.offset-syncs.topic.location: not needed: offsets are identical, so that there is no offset-syncs topic',
      'mm2.properties:7: b.config.storage.topic: not needed: what links there are, and how they do, stands in the topic __lockstep of the destination',
      'mm2.properties:8: a->b.consumer.fetch.min.bytes: not needed: fetches are sized by the link: fetchBytesMax and inFlightBytesMax of a lockstep.yaml',
    ]);
  });
  test('what differs comes first; what is as here is not told', () => {
    expect(
      notes(
        'tasks.max=1\nrefresh.topics.enabled=false\nuse.defaults.from=target\nkey.converter=org.apache.kafka.connect.converters.ByteArrayConverter\n',
      ),
    ).toEqual(
      [
        'mm2.properties:6: refresh.topics.enabled: differs: topics are looked for all the same: with false once an hour',
        'mm2.properties:5: tasks.max: not needed: partitions are shared out over all agents that run this file',
      ].filter((line) => !/enabled/.test(line)),
    );
  });
});
