// Client settings of mm2.properties -> how Lockstep logs in, through the whole way from the file to the cluster's configuration;
// and every fault as one line with its place and no secret.
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { useTemporaryFolder } from '../../../test/support/region-fixtures.ts';
import type { ClusterConfig } from '../../client/config.ts';
import { resolveClusterReference } from '../declaration.ts';
import { readFromDisk } from '../files.ts';
import { literalSecretsOf } from '../literal-secrets.ts';
import { parseMirrorMaker } from '../load.ts';
import type { Topology } from '../types.ts';

const folder = useTemporaryFolder();
const at = (name: string): string => path.join(folder.path, name);
const password = 'S3CRET-store';
const common = 'org.apache.kafka.common.security';
const scram = `a.sasl.jaas.config=${common}.scram.ScramLoginModule required username="alice" password="S3CRET-login";`;
const oauth = `${common}.oauthbearer.OAuthBearerLoginModule required`;
const handler = `a.sasl.login.callback.handler.class=${common}.oauthbearer.OAuthBearerLoginCallbackHandler`;

beforeAll(() => {
  const run = (command: string, args: string[]): void =>
    void execFileSync(command, args, { cwd: folder.path, stdio: 'pipe' });
  for (const [name, days] of [
    ['agent', '30'],
    ['other', '30'],
  ] as const) {
    const key = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      `${name}.key`,
    ];
    run('openssl', ['req', '-x509', ...key, '-out', `${name}.crt`, '-days', days, '-subj', `/CN=${name}`]);
    const store = ['-export', '-in', `${name}.crt`, '-inkey', `${name}.key`, '-out', `${name}.p12`];
    run('openssl', ['pkcs12', ...store, '-passout', `pass:${password}`]);
  }
  writeFileSync(
    at('agent.pem'),
    readFileSync(at('agent.key'), 'utf8') + readFileSync(at('agent.crt'), 'utf8'),
  );
  run('openssl', [
    'pkcs8',
    '-topk8',
    '-in',
    'agent.key',
    '-out',
    'locked.key',
    '-passout',
    `pass:${password}`,
  ]);
  writeFileSync(at('garbage.p12'), Buffer.from([0x30, 0x82, 1, 2, 3]));
  const trust = [
    '-storepass',
    password,
    '-keystore',
    'trust.p12',
    '-storetype',
    'PKCS12',
    '-file',
    'agent.crt',
  ];
  run('keytool', ['-importcert', '-noprompt', '-alias', 'ca', ...trust]);
  const old = [
    '-dname',
    'CN=old',
    '-keyalg',
    'EC',
    '-startdate',
    '-10d',
    '-validity',
    '2',
    '-storetype',
    'PKCS12',
  ];
  run('keytool', ['-genkeypair', '-alias', 'old', ...old, '-storepass', password, '-keystore', 'old.p12']);
}, 60_000);

const head = ['clusters = a, b', 'a.bootstrap.servers=a:9092', 'b.bootstrap.servers=b:9092'];

function load(lines: readonly string[]): Topology {
  const sources = { folder: folder.path, environment: { S: 'S3CRET-env' }, readFile: readFromDisk };
  return parseMirrorMaker(Buffer.from([...head, ...lines].join('\n')), 'mm2.properties', sources);
}
const clusterOf = (...lines: string[]): ClusterConfig => load(lines).clusters.a!;
const pem = (name: string): string => readFileSync(at(name), 'utf8');
/** PEM on one line, as people write it into properties. */
const flat = (name: string): string => pem(name).trim().replaceAll('\n', ' ');

function faultsOf(lines: readonly string[]): string[] {
  try {
    load(lines);
  } catch (error) {
    return (error as Error).message.split('\n');
  }
  return [];
}

const tls = 'a.security.protocol=SSL';
const sasl = ['a.security.protocol=SASL_SSL', 'a.sasl.mechanism=SCRAM-SHA-512'];
const token = ['a.security.protocol=SASL_SSL', 'a.sasl.mechanism=OAUTHBEARER', handler];
const endpoint = 'a.sasl.oauthbearer.token.endpoint.url=https://idp:8443/token';

describe('what is understood', () => {
  const alice = { username: 'alice', password: 'S3CRET-login' };
  const understood: [name: string, lines: string[], config: Pick<ClusterConfig, 'tls' | 'sasl'>][] = [
    ['nothing', [], {}],
    ['PLAINTEXT', ['a.security.protocol=PLAINTEXT'], {}],
    ['SSL with what the system trusts', ['a.security.protocol=ssl'], { tls: {} }],
    [
      'SCRAM over plaintext',
      ['a.security.protocol=SASL_PLAINTEXT', sasl[1]!, scram],
      { sasl: { mechanism: 'SCRAM-SHA-512', ...alice } },
    ],
    ['SCRAM over TLS', [...sasl, scram], { tls: {}, sasl: { mechanism: 'SCRAM-SHA-512', ...alice } }],
    [
      'settings for all clusters',
      ['security.protocol=SASL_SSL', 'sasl.mechanism=SCRAM-SHA-256', scram.slice(2)],
      { tls: {}, sasl: { mechanism: 'SCRAM-SHA-256', ...alice } },
    ],
    [
      'PLAIN, whose module is shaded',
      [
        sasl[0]!,
        'a.sasl.mechanism=PLAIN',
        `a.sasl.jaas.config=shaded.${common}.plain.PlainLoginModule required username='$ConnectionString' password="S3CRET\${x}";`,
      ],
      { tls: {}, sasl: { mechanism: 'PLAIN', username: '$ConnectionString', password: 'S3CRET${x}' } },
    ],
    [
      'OAUTHBEARER with JAAS options and extensions',
      [
        ...token,
        endpoint,
        `a.sasl.jaas.config=${oauth} clientId="id" clientSecret="S3CRET" scope="s" extension_logicalCluster="lkc-1";`,
      ],
      {
        tls: {},
        sasl: {
          mechanism: 'OAUTHBEARER',
          tokenEndpoint: {
            url: 'https://idp:8443/token',
            clientId: 'id',
            clientSecret: 'S3CRET',
            scope: 's',
            urlEncode: false,
          },
          extensions: { logicalCluster: 'lkc-1' },
        },
      },
    ],
    [
      'OAUTHBEARER with properties of its own, which win',
      [
        ...[...token, endpoint, `a.sasl.jaas.config=${oauth} clientId="old" clientSecret="old";`],
        ...[
          'a.sasl.oauthbearer.client.credentials.client.id=new',
          'a.sasl.oauthbearer.client.credentials.client.secret=S3CRET',
          'a.sasl.oauthbearer.scope=all',
        ],
      ],
      {
        tls: {},
        sasl: {
          mechanism: 'OAUTHBEARER',
          tokenEndpoint: {
            url: 'https://idp:8443/token',
            clientId: 'new',
            clientSecret: 'S3CRET',
            scope: 'all',
            urlEncode: false,
          },
        },
      },
    ],
    [
      'OAUTHBEARER with a token in a file',
      [...token, 'a.sasl.oauthbearer.token.endpoint.url=file:///run/token', `a.sasl.jaas.config=${oauth};`],
      { tls: {}, sasl: { mechanism: 'OAUTHBEARER', tokenFile: '/run/token' } },
    ],
    [
      'no check of the name',
      [tls, 'a.ssl.endpoint.identification.algorithm='],
      { tls: { verifyHostname: false } },
    ],
    ['https', [tls, 'a.ssl.endpoint.identification.algorithm=HTTPS'], { tls: {} }],
    [
      'TLS 1.2 alone',
      [tls, 'a.ssl.enabled.protocols=TLSv1.2, TLSv1.1'],
      { tls: { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } },
    ],
    ['both versions', [tls, 'a.ssl.enabled.protocols=TLSv1.3,TLSv1.2'], { tls: {} }],
  ];
  test.each(understood)('%s', (_name, lines, config) => {
    const { tls: ownTls, sasl: ownSasl } = clusterOf(...lines);
    expect({ ...(ownTls && { tls: ownTls }), ...(ownSasl && { sasl: ownSasl }) }).toEqual(config);
  });

  const stores: [name: string, lines: () => string[], wanted: () => object][] = [
    [
      'PEM files',
      () => [
        'a.ssl.truststore.type=PEM',
        'a.ssl.truststore.location=agent.crt',
        'a.ssl.keystore.type=PEM',
        'a.ssl.keystore.location=agent.pem',
      ],
      () => ({ ca: pem('agent.crt'), cert: pem('agent.pem'), key: pem('agent.pem') }),
    ],
    [
      'PEM texts on one line',
      () => [
        'a.ssl.truststore.type=PEM',
        `a.ssl.truststore.certificates=${flat('agent.crt')}`,
        'a.ssl.keystore.type=PEM',
        `a.ssl.keystore.certificate.chain=${flat('agent.crt')}`,
        `a.ssl.keystore.key=${flat('agent.key')}`,
      ],
      () => ({ ca: pem('agent.crt'), cert: pem('agent.crt'), key: pem('agent.key') }),
    ],
    [
      'a key with a password',
      () => [
        'a.ssl.keystore.type=PEM',
        `a.ssl.keystore.certificate.chain=${flat('agent.crt')}`,
        `a.ssl.keystore.key=${flat('locked.key')}`,
        `a.ssl.key.password=${password}`,
      ],
      () => ({ cert: pem('agent.crt'), key: pem('locked.key'), passphrase: password }),
    ],
    [
      'PKCS12',
      () => [
        'a.ssl.truststore.type=PKCS12',
        'a.ssl.truststore.location=trust.p12',
        `a.ssl.truststore.password=${password}`,
        'a.ssl.keystore.location=agent.p12',
        `a.ssl.keystore.password=${password}`,
      ],
      () => ({ ca: pem('agent.crt'), cert: pem('agent.crt'), key: pem('agent.key') }),
    ],
  ];
  test.each(stores)('%s', (_name, lines, wanted) => {
    const { rawClusters, clusters } = load([tls, ...lines()]);
    expect(clusters.a!.tls).toEqual(wanted());
    if (_name !== 'PEM files') expect(literalSecretsOf(rawClusters.a)).not.toEqual([]);
    expect(JSON.stringify(rawClusters)).not.toMatch(/S3CRET|PRIVATE KEY/);
  });

  test('a replaced store, and a replaced password behind a provider, are taken over', async () => {
    copyFileSync(at('agent.p12'), at('rotating.p12'));
    writeFileSync(at('login.properties'), 'password=S3CRET-1');
    const { credentials } = clusterOf(
      ...[
        'config.providers=file',
        'config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider',
      ],
      ...[...sasl, scram.replace('S3CRET-login', '${file:login.properties:password}')],
      ...['a.ssl.keystore.location=rotating.p12', `a.ssl.keystore.password=${password}`],
    );
    const first = await credentials!.current();
    expect(first).toMatchObject({ sasl: { password: 'S3CRET-1' }, tls: { cert: pem('agent.crt') } });
    copyFileSync(at('other.p12'), at('rotating.p12'));
    writeFileSync(at('login.properties'), 'password=S3CRET-second');
    expect(await credentials!.current()).toMatchObject({
      sasl: { password: 'S3CRET-second' },
      tls: { cert: pem('other.crt') },
    });
    copyFileSync(at('garbage.p12'), at('rotating.p12'));
    expect(await credentials!.current()).toMatchObject({ tls: { cert: pem('other.crt') } });
    expect(credentials!.problem).toContain('tls.cert: found the store rotating.p12, which is damaged');
    expect(credentials!.problem).not.toContain('S3CRET');
  });
});

test('a record of somebody else that names such a text looks nothing up', () => {
  const sasl = { mechanism: 'PLAIN', username: 'u', password: '${derived:a.sasl.password}' };
  const resolve = () =>
    resolveClusterReference(
      { name: 'a', bootstrap: ['a:1'], sasl },
      { folder: folder.path, environment: {} },
    );
  expect(resolve).toThrow("cluster a: sasl.password: found a '${' that is no reference");
});

describe('what a person is told', () => {
  const told: [name: string, lines: string[], warning: string][] = [
    [
      'a role that logs in differently',
      [...sasl, scram, 'a.producer.sasl.mechanism=PLAIN'],
      '7:1: the producer of a has another sasl.mechanism than its admin client: Lockstep logs in once',
    ],
    [
      'a role alone that logs in',
      ['a.consumer.security.protocol=SSL'],
      '4:1: the consumer of a has another security.protocol than its admin client',
    ],
    [
      'a login that the protocol leaves out',
      [tls, scram],
      '5:1: a.sasl.jaas.config is not used for a, whose security.protocol is SSL'.replace('a.sasl', 'sasl'),
    ],
    [
      'stores that the protocol leaves out',
      ['a.ssl.truststore.location=x'],
      '4:1: ssl.truststore.location is not used for a, whose security.protocol is PLAINTEXT',
    ],
    [
      'a password in the file',
      [...sasl, scram],
      '6:1: a password stands in the file itself; better behind a config provider',
    ],
    [
      'no check of the name',
      [tls, 'a.ssl.endpoint.identification.algorithm='],
      "5:1: a broker's certificate is accepted whatever name it carries",
    ],
    [
      'older versions of TLS',
      [tls, 'a.ssl.enabled.protocols=TLSv1,TLSv1.2,TLSv1.3'],
      '5:1: only TLSv1.2 and TLSv1.3 is offered',
    ],
    [
      'an option of the login module',
      [...sasl, scram.replace('required', 'required foo=bar')],
      '6:1: of the login module, foo is not used',
    ],
    [
      'a certificate that has expired',
      [tls, 'a.ssl.keystore.location=old.p12', `a.ssl.keystore.password=${password}`],
      '5:1: the certificate CN=old has expired',
    ],
  ];
  test.each(told)('%s', (_name, lines, warning) => {
    const { warnings } = load(lines);
    expect(warnings).toContainEqual(expect.stringContaining(`mm2.properties:${warning}`));
    expect(warnings.join()).not.toContain('S3CRET');
  });
});

describe('what is refused, in one line each', () => {
  const store = [tls, 'a.ssl.keystore.location=agent.p12', `a.ssl.keystore.password=${password}`];
  const refused: [name: string, lines: string[], fault: string][] = [
    [
      'an unknown protocol',
      ['a.security.protocol=SASL-SSL'],
      '4:21: found "SASL-SSL", expected one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL, did you mean SASL_SSL?',
    ],
    [
      'an unknown mechanism',
      [sasl[0]!, 'a.sasl.mechanism=SCRAM-SHA512', scram],
      '5:18: found the mechanism "SCRAM-SHA512", expected one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, did you mean SCRAM-SHA-512?',
    ],
    [
      'no mechanism',
      [sasl[0]!, scram],
      '4:21: found no sasl.mechanism, which means GSSAPI, expected a user with SCRAM',
    ],
    [
      'Kerberos',
      [sasl[0]!, 'a.sasl.mechanism=GSSAPI'],
      '5:18: found the mechanism "GSSAPI", expected a user with SCRAM, or a TLS certificate, for Lockstep: Kerberos is not spoken',
    ],
    [
      'IAM',
      [sasl[0]!, 'a.sasl.mechanism=AWS_MSK_IAM'],
      '5:18: found the mechanism "AWS_MSK_IAM", expected a user with SCRAM',
    ],
    [
      'a handler of their own',
      [
        ...token.slice(0, 2),
        'a.sasl.login.callback.handler.class=io.strimzi.kafka.oauth.client.JaasClientOauthLoginCallbackHandler',
      ],
      '6:37: found the Java class "io.strimzi.kafka.oauth.client.JaasClientOauthLoginCallbackHandler", which can\'t be run here',
    ],
    [
      'a login without JAAS',
      sasl,
      '5:18: found a login without sasl.jaas.config, expected sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required',
    ],
    [
      'JAAS without its semicolon',
      [...sasl, scram.slice(0, -1)],
      "6:20: found no ';' at the end, expected a ';' behind the last option",
    ],
    [
      'JAAS of another mechanism',
      [sasl[0]!, 'a.sasl.mechanism=PLAIN', scram],
      '6:20: found the login module org.apache.kafka.common.security.scram.ScramLoginModule, expected org.apache.kafka.common.security.plain.PlainLoginModule',
    ],
    [
      'a password where JAAS is meant',
      [...sasl, 'a.sasl.jaas.config=S3CRET required;'],
      '6:20: found another login module, expected org.apache.kafka.common.security.scram.ScramLoginModule',
    ],
    [
      'JAAS without a password',
      [...sasl, scram.replace(/ password="[^"]*"/, '')],
      '6:20: found a login module without password, expected password="..."',
    ],
    [
      'two login modules',
      [...sasl, `${scram} ${scram.slice(19)}`],
      '6:20: found a second login module, expected one',
    ],
    [
      'a delegation token',
      [...sasl, scram.replace(';', ' tokenauth="true";')],
      '6:20: found tokenauth=true, a login with a delegation token',
    ],
    [
      'OAUTHBEARER without an endpoint',
      [...token, `a.sasl.jaas.config=${oauth} unsecuredLoginStringClaim_sub="me";`],
      '7:20: found OAUTHBEARER without sasl.oauthbearer.token.endpoint.url',
    ],
    [
      'an endpoint without a secret',
      [...token, endpoint, `a.sasl.jaas.config=${oauth} clientId="id";`],
      '8:20: found a token endpoint without sasl.oauthbearer.client.credentials.client.secret',
    ],
    [
      'an endpoint that is not encrypted',
      [
        ...token,
        endpoint.replace('https', 'http'),
        `a.sasl.jaas.config=${oauth} clientId="id" clientSecret="S3CRET";`,
      ],
      '7:39: found another kind of address (not shown), expected https://',
    ],
    [
      'a provider without its file',
      [
        'config.providers=f',
        'config.providers.f.class=org.apache.kafka.common.config.provider.FileConfigProvider',
        ...sasl,
        scram.replace('S3CRET-login', '${f:/none:x}'),
      ],
      "8:20: found the file /none, which can't be read (no such file)",
    ],
    [
      'a store that is not there',
      [tls, 'a.ssl.truststore.location=none.p12'],
      "5:27: found the store none.p12, which can't be read (no such file), expected a PKCS12 or JKS store",
    ],
    [
      'a store with the wrong password',
      [...store.slice(0, 2), 'a.ssl.keystore.password=S3CRET-wrong'],
      '5:25: found the store agent.p12, which its password does not open, expected the password that keytool -list -keystore agent.p12 takes',
    ],
    [
      'a store without its password',
      store.slice(0, 2),
      '5:25: found a key store without its password, expected ssl.keystore.password',
    ],
    [
      'a store that is damaged',
      [tls, 'a.ssl.truststore.location=garbage.p12', 'a.ssl.truststore.password=x'],
      '5:27: found the store garbage.p12, which is damaged',
    ],
    [
      'a key store without a key',
      [tls, 'a.ssl.keystore.location=trust.p12', `a.ssl.keystore.password=${password}`],
      '5:25: found the store trust.p12 without a key',
    ],
    [
      'PEM where a store is meant',
      [tls, 'a.ssl.truststore.location=agent.crt'],
      '5:27: found the PEM file agent.crt, expected a PKCS12 or JKS store, or PEM as its type',
    ],
    [
      'a PEM file that is not there',
      [tls, 'a.ssl.truststore.type=PEM', 'a.ssl.truststore.location=none.pem'],
      '6:27: found the file "none.pem", which can\'t be read (no such file)',
    ],
    [
      'PEM text without its type',
      [tls, 'a.ssl.truststore.certificates=x'],
      '5:31: found certificates as text without ssl.truststore.type=PEM',
    ],
    [
      'PEM text that is none',
      [tls, 'a.ssl.truststore.type=PEM', 'a.ssl.truststore.certificates=S3CRET'],
      '6:31: found a text without BEGIN CERTIFICATE',
    ],
    [
      'a certificate without its key',
      [tls, 'a.ssl.keystore.type=PEM', 'a.ssl.keystore.certificate.chain=x'],
      '6:34: found a key store without ssl.keystore.key, expected both, or neither',
    ],
    [
      'a password with PEM',
      [tls, 'a.ssl.truststore.type=PEM', 'a.ssl.truststore.password=S3CRET'],
      '6:27: found ssl.truststore.password with PEM, which Kafka refuses',
    ],
    [
      'TLS that is too old',
      [tls, 'a.ssl.enabled.protocols=TLSv1.1'],
      '5:25: found no version of TLS that is safe today, expected TLSv1.2,TLSv1.3',
    ],
    [
      'another algorithm for names',
      [tls, 'a.ssl.endpoint.identification.algorithm=LDAPS'],
      '5:41: found another algorithm, expected https',
    ],
  ];
  test.each(refused)('%s', (_name, lines, fault) => {
    const faults = faultsOf(lines);
    expect([...new Set(faults.map((line) => line.split(': found')[0]))]).toHaveLength(1);
    expect(faults[0]).toContain(`mm2.properties:${fault}`);
    expect(faults.join()).not.toContain('S3CRET');
  });
});
