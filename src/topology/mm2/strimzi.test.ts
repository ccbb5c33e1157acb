// Manifests of KafkaMirrorMaker2 as Strimzi's examples and its users write them -> links and logins; faults by line.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { useTemporaryFolder } from '../../../test/support/region-fixtures.ts';
import { readFromDisk } from '../files.ts';
import { parseTopology } from '../load.ts';
import type { Topology } from '../types.ts';
import { isStrimziManifest } from './strimzi.ts';

const folder = useTemporaryFolder();
const secret = (name: string, key: string): string => path.join(folder.path, 'secrets', name, key);
const pem = (key: string): string => readFileSync(secret('me', key), 'utf8').trimEnd();

beforeAll(() => {
  for (const name of ['me', 'ca', 'login']) mkdirSync(path.dirname(secret(name, 'x')), { recursive: true });
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    secret('me', 'user.key'),
  ];
  const certificate = ['-out', secret('me', 'user.crt'), '-days', '2', '-subj', '/CN=me'];
  execFileSync('openssl', ['req', '-x509', ...key, ...certificate], { stdio: 'ignore' });
  for (const name of ['ca.crt', 'ca-old.crt']) cpSync(secret('me', 'user.crt'), secret('ca', name));
  writeFileSync(secret('ca', 'ca.p12'), 'not read');
  writeFileSync(secret('login', 'password'), 'S3CRET"\\;\n');
  cpSync(path.join(folder.path, 'secrets'), path.join(folder.path, 'elsewhere'), { recursive: true });
});

function load(text: string, environment: Record<string, string> = {}): Topology {
  return parseTopology(text, 'mm2.yaml', { folder: folder.path, environment, readFile: readFromDisk });
}
function faultsOf(text: string): string[] {
  try {
    load(text);
  } catch (error) {
    return (error as Error).message.split('\n');
  }
  return [];
}

const head = 'apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaMirrorMaker2\nmetadata: {name: mm2}\nspec:\n';
const clusters = `  connectCluster: b
  clusters:
  - {alias: a, bootstrapServers: "a-1:9092,a-2:9092"}
  - {alias: b, bootstrapServers: "b:9092"}
`;
/** Lines 9 and on. */
const mirror = (body: string): string =>
  `${head}${clusters}  mirrors:\n  - sourceCluster: a\n    targetCluster: b\n${body}`;
/** The cluster's lines are 8 and on. */
const cluster = (body: string): string =>
  `${head}  target: {alias: b, bootstrapServers: "b:9092"}\n  mirrors:\n  - source:\n      alias: a\n      bootstrapServers: a:9093\n${body}    sourceConnector: {}\n`;

describe('connectors', () => {
  test("a mirror like that of Strimzi's example", () => {
    const {
      links,
      heartbeats,
      clusters: reached,
    } = load(
      mirror(`    sourceConnector:
      tasksMax: 1
      config:
        replication.factor: -1
        sync.topic.acls.enabled: "false"
        refresh.topics.interval.seconds: 600
    checkpointConnector:
      config: {sync.group.offsets.enabled: "true"}
    topicsPattern: "orders|payments.*"
    topicsExcludePattern: "payments-old"
    groupsPattern: ".*"
`),
    );
    expect(reached.a?.bootstrap).toEqual([
      { host: 'a-1', port: 9092 },
      { host: 'a-2', port: 9092 },
    ]);
    expect(links['a-to-b']).toMatchObject({
      ...{ source: 'a', destination: 'b', topics: ['regex:orders|payments.*'], prefix: 'a.' },
      sync: { acls: null, topics: { everyMs: 600_000 }, groups: { commits: true } },
      mirrorMaker: { sourceAlias: 'a', checkpoints: { everyMs: 60_000 } },
    });
    expect(heartbeats).toEqual([]);
  });

  test('what does not stand there is not done: no checkpoints, no other heartbeats', () => {
    const { links, heartbeats } = load(mirror('    sourceConnector: {}\n    heartbeatConnector: {}\n'));
    expect(links['a-to-b']?.mirrorMaker?.checkpoints).toBeNull();
    expect(heartbeats).toMatchObject([{ sourceAlias: 'a', destinationAlias: 'b', destination: 'b' }]);
  });

  test.each(['pause: true', 'state: paused', 'state: stopped'])('%s: no link', (state) => {
    const { links, warnings } = load(mirror(`    sourceConnector:\n      ${state}\n`));
    expect(links).toEqual({});
    expect(warnings.join('\n')).toContain('the sourceConnector does not run');
  });

  test('v1: target and sources in their mirrors, several of them', () => {
    const { links, warnings } = load(`apiVersion: kafka.strimzi.io/v1
kind: KafkaMirrorMaker2
spec:
  replicas: 3
  target: {alias: c, bootstrapServers: "c:9092", groupId: g, configStorageTopic: x, statusStorageTopic: y, offsetStorageTopic: z}
  mirrors:
  - source: {alias: a, bootstrapServers: "a:9092"}
    sourceConnector: {}
  - source: {alias: b, bootstrapServers: "b:9092"}
    sourceConnector: {config: {replication.policy.class: org.apache.kafka.connect.mirror.IdentityReplicationPolicy}}
    topicsPattern: only-b
`);
    expect(Object.keys(links)).toEqual(['a-to-c', 'b-to-c']);
    expect(links['b-to-c']).toMatchObject({ prefix: '', mirrorMaker: { policy: 'identity' } });
    expect(warnings).toContainEqual(expect.stringMatching(/^mm2.yaml:4:3: not needed: replicas/));
  });

  test('one document of several, at its own lines', () => {
    const text = `apiVersion: v1\nkind: Secret\n---\n${mirror('    sourceConnector: {config: {replication.policy.class: x.Y}}\n')}---\nkind: KafkaUser\n`;
    expect(faultsOf(text)).toEqual([expect.stringMatching(/^mm2.yaml:15:\d+: found "x.Y"/)]);
  });
});

describe('logins', () => {
  const tls = '      tls:\n        trustedCertificates: [{secretName: ca, certificate: ca.crt}]\n';
  const logins: [name: string, lines: string, config: () => object][] = [
    ['nothing', '', () => ({})],
    ['TLS with what the system trusts', '      tls: {}\n', () => ({ tls: {} })],
    ['one trusted certificate', tls, () => ({ tls: { ca: `${pem('user.crt')}\n` } })],
    [
      'certificates by pattern',
      '      tls: {trustedCertificates: [{secretName: ca, pattern: "*.crt"}]}\n',
      () => ({ tls: { ca: `${pem('user.crt')}\n${pem('user.crt')}\n` } }),
    ],
    [
      'a certificate of our own',
      `${tls}      authentication: {type: tls, certificateAndKey: {secretName: me, certificate: user.crt, key: user.key}}\n`,
      () => ({
        tls: { ca: `${pem('user.crt')}\n`, cert: `${pem('user.crt')}\n`, key: `${pem('user.key')}\n` },
      }),
    ],
    ...(['scram-sha-512', 'scram-sha-256', 'plain'] as const).map((type): [string, string, () => object] => [
      type,
      `      tls: {}\n      authentication: {type: ${type}, username: u, passwordSecret: {secretName: login, password: password}}\n`,
      () => ({ tls: {}, sasl: { mechanism: type.toUpperCase(), username: 'u', password: 'S3CRET"\\;' } }),
    ]),
    [
      'oauth',
      `      tls: {}\n      authentication: {type: oauth, clientId: id, scope: s, audience: aud, tokenEndpointUri: "https://idp/token", clientSecret: {secretName: login, key: password}, tlsTrustedCertificates: [{secretName: ca, certificate: ca.crt}]}\n`,
      () => ({
        tls: {},
        sasl: {
          mechanism: 'OAUTHBEARER',
          tokenEndpoint: {
            url: 'https://idp/token',
            clientId: 'id',
            clientSecret: 'S3CRET"\\;',
            scope: 's',
            urlEncode: false,
            audience: 'aud',
            ca: `${pem('user.crt')}\n`,
          },
        },
      }),
    ],
    [
      'a token in a file',
      '      tls: {}\n      authentication: {type: oauth, accessTokenLocation: /run/token}\n',
      () => ({ tls: {}, sasl: { mechanism: 'OAUTHBEARER', tokenFile: '/run/token' } }),
    ],
    [
      'custom',
      `      tls: {}\n      authentication: {type: custom, sasl: true, config: {sasl.mechanism: PLAIN, sasl.jaas.config: 'o.PlainLoginModule required username="u" password="S3CRET";'}}\n`,
      () => ({ tls: {}, sasl: { mechanism: 'PLAIN', username: 'u', password: 'S3CRET' } }),
    ],
    [
      'no check of names',
      '      tls: {}\n      config: {ssl.endpoint.identification.algorithm: ""}\n',
      () => ({ tls: { verifyHostname: false } }),
    ],
  ];
  test.each(logins)('%s', (_name, lines, config) => {
    const { clusters: reached, rawClusters, warnings, notes } = load(cluster(lines));
    const { tls: ownTls, sasl } = reached.a!;
    expect({ ...(ownTls && { tls: ownTls }), ...(sasl && { sasl }) }).toEqual(config());
    expect(JSON.stringify([rawClusters, warnings, notes])).not.toMatch(/S3CRET|PRIVATE KEY/);
  });

  test('secrets in another folder, and values behind providers', () => {
    const login =
      '      authentication: {type: plain, username: u, passwordSecret: {secretName: login, password: password}}\n';
    const { clusters: reached } = load(cluster(login), {
      LOCKSTEP_SECRETS: path.join(folder.path, 'elsewhere'),
    });
    expect(reached.a?.sasl).toMatchObject({ password: 'S3CRET"\\;' });
    const providers = `{alias: b, bootstrapServers: "b:9092", config: {config.providers: env, config.providers.env.class: org.apache.kafka.common.config.provider.EnvVarConfigProvider, client.id: x}}`;
    const text = cluster('')
      .replace('{alias: b, bootstrapServers: "b:9092"}', providers)
      .replace('a:9093', '"${env:ADDRESS}"');
    expect(load(text, { ADDRESS: 'from-env:9092' }).clusters.a?.bootstrap).toEqual([
      { host: 'from-env', port: 9092 },
    ]);
  });

  test('a replaced secret is read again', async () => {
    writeFileSync(secret('login', 'rotated'), 'S3CRET-1');
    const { credentials } = load(
      cluster(
        '      authentication: {type: scram-sha-512, username: u, passwordSecret: {secretName: login, password: rotated}}\n',
      ),
    ).clusters.a!;
    expect(await credentials!.current()).toMatchObject({ sasl: { password: 'S3CRET-1' } });
    writeFileSync(secret('login', 'rotated'), 'S3CRET-two');
    expect(await credentials!.current()).toMatchObject({ sasl: { password: 'S3CRET-two' } });
  });
});

describe('what is wrong, by line', () => {
  const wrong: [name: string, text: () => string, fault: string][] = [
    [
      'a secret that is not mounted',
      () =>
        cluster(
          '      authentication: {type: plain, username: u, passwordSecret: {secretName: none, password: pw}}\n',
        ),
      `mm2.yaml:10:66: found the Kubernetes secret none, of which ${'F'}/secrets/none/pw can't be read (no such file), expected its key pw there: mount the secret, or name the folder that has none/pw in LOCKSTEP_SECRETS`,
    ],
    [
      'certificates that are not mounted',
      () => cluster('      tls: {trustedCertificates: [{secretName: none, pattern: "*.crt"}]}\n'),
      "mm2.yaml:10:34: found the Kubernetes secret none, of which the folder F/secrets/none can't be read",
    ],
    [
      'a pattern without files',
      () => cluster('      tls: {trustedCertificates: [{secretName: ca, pattern: "*.pem"}]}\n'),
      'mm2.yaml:10:34: found the Kubernetes secret ca, of which the folder F/secrets/ca has no file *.pem',
    ],
    [
      'a name that leaves the folder',
      () =>
        cluster(
          '      authentication: {type: plain, username: u, passwordSecret: {secretName: "../me", password: user.key}}\n',
        ),
      'mm2.yaml:10:66: found a secret whose name or key is none of Kubernetes',
    ],
    [
      'an unknown login',
      () => cluster('      authentication: {type: kerberos}\n'),
      'mm2.yaml:10:30: found another type, expected one of tls, plain, scram-sha-256, scram-sha-512, oauth, custom',
    ],
    [
      'a certificate without TLS',
      () =>
        cluster(
          '      authentication: {type: tls, certificateAndKey: {secretName: me, certificate: user.crt, key: user.key}}\n',
        ),
      'mm2.yaml:10:30: found tls without a cluster that has tls',
    ],
    [
      'a password grant',
      () =>
        cluster(
          '      tls: {}\n      authentication: {type: oauth, clientId: x, tokenEndpointUri: "https://x/", clientSecret: {secretName: login, key: password}, username: u}\n',
        ),
      'mm2.yaml:11:142: found username, a login that Lockstep does not know',
    ],
    [
      'a typo in a cluster',
      () => cluster('      bootstrapServer: x\n'),
      'mm2.yaml:10:7: found the unknown key bootstrapServer, expected one of alias, bootstrapServers',
    ],
    [
      'a typo in a mirror',
      () => mirror('    sourceConector: {}\n'),
      'mm2.yaml:12:5: found the unknown key sourceConector, expected one of sourceCluster, targetCluster, sourceConnector',
    ],
    [
      'a typo in a property',
      () => mirror('    sourceConnector: {config: {replication.facter: 3}}\n'),
      'mm2.yaml:12:32: found "a->b.replication.facter", which connect-mirror does not know, expected a property of docs/mirrormaker.md, did you mean a->b.replication.factor?',
    ],
    [
      'connectors that disagree',
      () =>
        mirror(
          '    sourceConnector: {config: {replication.policy.separator: _}}\n    checkpointConnector: {config: {replication.policy.separator: "."}}\n',
        ),
      'mm2.yaml:13:66: found another a->b.replication.policy.separator than on line 12, expected one for all connectors of a mirror',
    ],
    [
      'an unknown alias',
      () => mirror('    sourceConnector: {}\n').replace('sourceCluster: a', 'sourceCluster: c'),
      'mm2.yaml:10:20: found an unknown alias, expected one of a, b',
    ],
    [
      'another version',
      () => mirror('    sourceConnector: {}\n').replace('v1beta2', 'v1alpha1'),
      'mm2.yaml:1:13: found another version, expected kafka.strimzi.io/v1 or v1beta2',
    ],
    [
      'both ways at once',
      () => cluster('').replace('spec:\n', 'spec:\n  connectCluster: b\n'),
      'mm2.yaml:5:19: found connectCluster beside target',
    ],
    ['broken YAML', () => mirror('\tsourceConnector: {}\n'), 'mm2.yaml:12:'],
    [
      'two manifests',
      () => `${mirror('    sourceConnector: {}\n')}---\n${mirror('    sourceConnector: {}\n')}`,
      'mm2.yaml:13:1: found a second KafkaMirrorMaker2',
    ],
  ];
  test.each(wrong)('%s', (_name, text, fault) => {
    const faults = faultsOf(text());
    expect(faults.join('\n')).toContain(fault.replace('F/', `${folder.path}/`));
    expect(faults.join()).not.toContain('S3CRET');
    expect(faults).toHaveLength(1);
  });
});

test.each([
  [mirror(''), true],
  ['{"apiVersion": "kafka.strimzi.io/v1",\n"kind": "KafkaMirrorMaker2",\n"spec": {}}', true],
  ['version: 1\nclusters: {}', false],
  ['apiVersion: kafka.strimzi.io/v1\nkind: KafkaMirrorMaker2List', false],
  ['# kind: KafkaMirrorMaker2 of apiVersion: kafka.strimzi.io/v1\nversion: 1', false],
])('%s is a manifest: %s', (text, isManifest) => {
  expect(isStrimziManifest(text)).toBe(isManifest);
});
