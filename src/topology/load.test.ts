// What a lockstep.yaml that is right becomes.
import { describe, expect, test } from 'vitest';
import { cluster, ends, link, parse, pemCertificate, pemKey, problems } from './test-file.ts';

describe('a right lockstep.yaml', () => {
  test('the example of the design gives clusters and links with their defaults', () => {
    const topology = parse(
      'version: 1\nclusters:\n  us-east:\n    bootstrap: [us-east-kafka:9092]\n  eu-west:\n    bootstrap: ["[::1]:9092"]\n' +
        'links:\n  us-to-eu:\n    source: us-east\n    destination: eu-west\n    topics: [orders, "payments.*"]\n    groups: [".*"]\n',
    );
    expect(topology.clusters).toEqual({
      'us-east': { name: 'us-east', bootstrap: [{ host: 'us-east-kafka', port: 9092 }] },
      'eu-west': { name: 'eu-west', bootstrap: [{ host: '::1', port: 9092 }] },
    });
    expect(topology.links).toEqual({
      'us-to-eu': {
        name: 'us-to-eu',
        source: 'us-east',
        destination: 'eu-west',
        topics: ['orders', 'payments.*'],
        excludeTopics: [],
        prefix: '',
        mirrorMaker: null,
        startAt: { kind: 'earliest' },
        groups: ['.*'],
        excludeGroups: [],
        sync: {
          topics: { everyMs: 5_000 },
          configs: { everyMs: 5_000, also: [] },
          groups: { everyMs: 5_000, deletions: false, backwards: false, commits: true },
          acls: null,
          quotas: [],
          users: [],
        },
        separateProducerIds: false,
        producerConnections: 2,
        fetchConnections: 'auto',
        fetchBytesMax: 1_048_576,
        inFlightBytesMax: 16_777_216,
        isInFlightByWay: true,
        holes: 'markers',
        compactionGaps: 'markers',
        start: 'fill',
        fillOffsetsMax: 1_000_000_000,
        retentionOvertook: 'stop',
      },
    });
    expect(topology.warnings).toEqual([]);
  });

  test('a link says how it treats holes, gaps and high starts', () => {
    const { links } = parse(
      link(
        `${ends}topics: [t]\n    holes: transactions\n    compactionGaps: copies\n    start: shifted\n    fillOffsetsMax: 1e6\n    retentionOvertook: jump`,
      ),
    );
    expect(links.l).toMatchObject({
      holes: 'transactions',
      compactionGaps: 'copies',
      start: 'shifted',
      fillOffsetsMax: 1_000_000,
      retentionOvertook: 'jump',
    });
  });

  test('a link says what travels with the data', () => {
    const { links, warnings, rawLinks, rawClusters } = parse(
      link(
        `${ends}topics: [t]\n    prefix: us.\n    startAt: 2026-11-20T08:30:00+01:00\n    groups: [".*"]\n    excludeGroups: ["prefix:tmp-"]\n` +
          '    sync:\n      configs: {every: 1.5s, also: [retention.ms]}\n      groups: {every: 500ms, deletions: true, backwards: true}\n' +
          '      acls: {principals: [User:app], resources: [topic], withholdWrites: false}\n      quotas: ["user=app,client-id=x"]\n' +
          '      users: [{name: app, mechanism: SCRAM-SHA-512, password: "${env:PASSWORD}"}]',
      ),
    );
    expect(links.l).toMatchObject({
      prefix: 'us.',
      startAt: { kind: 'timestamp', timestampMs: BigInt(Date.UTC(2026, 10, 20, 7, 30)) },
      groups: ['.*'],
      excludeGroups: ['prefix:tmp-'],
      sync: {
        configs: { everyMs: 1_500, also: ['retention.ms'] },
        groups: { everyMs: 500, deletions: true, backwards: true },
        acls: {
          everyMs: 5_000,
          principals: ['User:app'],
          excludePrincipals: [],
          resources: ['topic'],
          withholdWrites: false,
        },
        quotas: ['user=app,client-id=x'],
        users: [{ name: 'app', mechanism: 'SCRAM-SHA-512', password: 's3cret' }],
      },
    });
    expect(warnings).toEqual([]);
    expect(Object.keys(rawLinks.l ?? {})).toEqual([
      'topics',
      'prefix',
      'startAt',
      'groups',
      'excludeGroups',
      'sync',
    ]);
    expect(JSON.stringify(rawLinks)).toContain('${env:PASSWORD}');
    expect(rawClusters['us-east']).toEqual({ bootstrap: ['u:1'] });
  });

  test("opposite links with prefixes that leave out each other's mirrors", () => {
    const text = `${link(`${ends}topics: [".*"]\n    excludeTopics: ["prefix:eu."]\n    prefix: us.`)}  back: {source: eu-west, destination: us-east, topics: [".*"], excludeTopics: ["prefix:us."], prefix: eu.}\n`;
    expect(problems(text)).toEqual([]);
  });

  test('security is resolved: PEM contents, secrets from variables and files', () => {
    const { clusters, warnings } = parse(
      cluster(
        'bootstrap: ["${env:BOTH}"]\n    tls: {ca: ca.pem, cert: ./agent.pem, key: /etc/ls/agent.key, servername: k}\n' +
          '    sasl: {mechanism: SCRAM-SHA-512, username: "u$${x}", password: "${env:PASSWORD}-${file:password.txt}"}',
      ),
    );
    expect(clusters.a).toEqual({
      name: 'a',
      bootstrap: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
      tls: { ca: pemCertificate, cert: pemCertificate, key: pemKey, servername: 'k' },
      sasl: { mechanism: 'SCRAM-SHA-512', username: 'u${x}', password: 's3cret-from-a-file' },
      credentials: expect.anything(),
    });
    expect(warnings).toEqual([]);
  });

  test('what is allowed but unwise is warned about, without its value', () => {
    const { warnings } = parse(
      cluster('bootstrap: [k:1]\n    sasl: {mechanism: PLAIN, username: u, password: s3cret}'),
    );
    expect(warnings).toEqual([
      'l.yaml:5:5: PLAIN without tls sends the password in the clear',
      'l.yaml:5:43: password stands in the file itself; better as ${env:NAME} or ${file:path}',
    ]);
  });

  test('OAUTHBEARER: the token file is named absolutely, the endpoint may be on this machine', () => {
    const file = parse(cluster('bootstrap: [k:1]\n    sasl: {mechanism: OAUTHBEARER, tokenFile: token}'));
    expect(file.clusters.a?.sasl).toEqual({ mechanism: 'OAUTHBEARER', tokenFile: '/etc/ls/token' });
    const endpoint = parse(
      cluster(
        'bootstrap: [k:1]\n    sasl: {mechanism: OAUTHBEARER, tokenEndpoint: {url: "http://127.0.0.1:8080/t", clientId: c, clientSecret: "${env:PASSWORD}", scope: s}}',
      ),
    );
    expect(endpoint.clusters.a?.sasl).toEqual({
      mechanism: 'OAUTHBEARER',
      tokenEndpoint: { url: 'http://127.0.0.1:8080/t', clientId: 'c', clientSecret: 's3cret', scope: 's' },
    });
  });

  test('aliases and anchors work', () => {
    const { clusters } = parse('version: 1\nclusters:\n  a: &a {bootstrap: [k:1]}\n  b: *a\n');
    expect(clusters.b).toEqual({ name: 'b', bootstrap: [{ host: 'k', port: 1 }] });
  });

  test('local regions: given ports, ports of loopback addresses, free ports', () => {
    const { local } = parse(
      'version: 1\nclusters: {a: {bootstrap: ["localhost:19092"]}, b: {bootstrap: [k:1]}, c: {bootstrap: [k:2]}}\n' +
        'local: {a: {}, b: {brokers: 2, port: 5000, heapMb: 300, kafkaVersion: 3.9.2}, c: {}}',
    );
    expect(local).toEqual({
      a: { name: 'a', brokers: 1, kafkaVersion: '4.3.1', heapMb: 512, ports: [19092] },
      b: { name: 'b', brokers: 2, kafkaVersion: '3.9.2', heapMb: 300, ports: [5000, 5001] },
      c: { name: 'c', brokers: 1, kafkaVersion: '4.3.1', heapMb: 512 },
    });
  });

  test('without a local section every cluster is a local region', () => {
    expect(Object.keys(parse(cluster('bootstrap: [k:1]')).local)).toEqual(['a']);
  });
});
