// `tls` and `authentication` of a cluster in a KafkaMirrorMaker2 manifest as the properties that Strimzi's operator makes of
// them, with the Kubernetes secrets read where they are mounted (kubernetes-secrets.ts).
import { pathToFileURL } from 'node:url';
import type { FileReader } from '../files.ts';
import type { Path, Problem } from '../problems.ts';
import { readSecret, readSecrets, secretFile } from './kubernetes-secrets.ts';
import type { Manifest } from './manifest.ts';
import type { Around } from './types.ts';

type Mounted = Pick<Around, 'folder' | 'environment' | 'readFile'>;

const security = 'org.apache.kafka.common.security';
const modules: Readonly<Record<string, readonly [mechanism: string, module: string]>> = {
  plain: ['PLAIN', `${security}.plain.PlainLoginModule`],
  'scram-sha-256': ['SCRAM-SHA-256', `${security}.scram.ScramLoginModule`],
  'scram-sha-512': ['SCRAM-SHA-512', `${security}.scram.ScramLoginModule`],
};
const types = ['tls', ...Object.keys(modules), 'oauth', 'custom'];

export function putSecurity(manifest: Manifest, at: Path, alias: string, around: Mounted): void {
  const isTls = manifest.at([...at, 'tls']) !== undefined;
  const auth = [...at, 'authentication'];
  const isLogin = manifest.at(auth) !== undefined;
  const type = isLogin ? manifest.textAt([...auth, 'type'], `one of ${types.join(', ')}`) : undefined;
  const isSasl =
    type !== undefined && type !== 'tls' && (type !== 'custom' || manifest.at([...auth, 'sasl']) === true);
  const protocol = `${isSasl ? 'SASL_' : ''}${isTls ? 'SSL' : isSasl ? 'PLAINTEXT' : ''}` || 'PLAINTEXT';
  manifest.put(
    `${alias}.security.protocol`,
    protocol,
    isSasl ? [...auth, 'type'] : isTls ? [...at, 'tls'] : at,
  );
  if (isTls) putTrust(manifest, [...at, 'tls'], alias, around);
  if (type === undefined) return;
  if (type === 'tls') putCertificate(manifest, auth, { alias, isTls }, around);
  else if (modules[type] !== undefined) putPassword(manifest, auth, { alias, type }, around);
  else if (type === 'oauth') putToken(manifest, auth, alias, around);
  else if (type === 'custom') {
    manifest.checkKeys(auth, ['type', 'sasl', 'config']);
    for (const key of manifest.keysAt([...auth, 'config'])) {
      manifest.put(`${alias}.${key}`, manifest.textAt([...auth, 'config', key]) ?? '', [
        ...auth,
        'config',
        key,
      ]);
    }
  } else manifest.fault([...auth, 'type'], { found: 'another type', expected: `one of ${types.join(', ')}` });
}

function putTrust(manifest: Manifest, at: Path, alias: string, around: Mounted): void {
  manifest.checkKeys(at, ['trustedCertificates']);
  const list = [...at, 'trustedCertificates'];
  const read = certificatesReader(manifest, list, around);
  if (read === null) return;
  manifest.put(`${alias}.ssl.truststore.type`, 'PEM', list);
  manifest.putDerived(`${alias}.ssl.truststore.certificates`, list, read, read(around.readFile));
}

/** Reads all certificates of a list of {secretName, certificate or pattern}; null where there are none. */
function certificatesReader(
  manifest: Manifest,
  list: Path,
  around: Mounted,
): ((readFile: FileReader) => string | Problem) | null {
  const items = [...Array(manifest.lengthAt(list)).keys()].flatMap((index) => {
    const at = [...list, index];
    manifest.checkKeys(at, ['secretName', 'certificate', 'pattern']);
    const name = manifest.textAt([...at, 'secretName'], 'the name of a Kubernetes secret');
    const pattern = manifest.textAt([...at, 'pattern']);
    const key = pattern ?? manifest.textAt([...at, 'certificate'], 'a key of the secret, or a pattern');
    return name === undefined || key === undefined ? [] : [{ name, key, isPattern: pattern !== undefined }];
  });
  if (items.length === 0) return null;
  return (readFile) => {
    const texts: string[] = [];
    for (const item of items) {
      const text = item.isPattern ? readSecrets(item, around, readFile) : readSecret(item, around, readFile);
      if (typeof text !== 'string') return text;
      texts.push(text);
    }
    return texts.join('\n');
  };
}

function putCertificate(
  manifest: Manifest,
  auth: Path,
  { alias, isTls }: { alias: string; isTls: boolean },
  around: Mounted,
): void {
  if (!isTls) {
    manifest.fault([...auth, 'type'], {
      found: 'tls without a cluster that has tls',
      expected: 'tls: {} with the cluster, too',
    });
    return;
  }
  manifest.checkKeys(auth, ['type', 'certificateAndKey']);
  const at = [...auth, 'certificateAndKey'];
  const name = manifest.textAt([...at, 'secretName'], 'the name of a Kubernetes secret');
  for (const [key, property] of [
    ['certificate', 'ssl.keystore.certificate.chain'],
    ['key', 'ssl.keystore.key'],
  ] as const) {
    const place = manifest.textAt([...at, key], `the key of the secret that holds the ${key}`);
    if (name === undefined || place === undefined) continue;
    const read = (readFile: FileReader) => readSecret({ name, key: place }, around, readFile);
    manifest.putDerived(`${alias}.${property}`, [...at, key], read, read(around.readFile));
  }
  manifest.put(`${alias}.ssl.keystore.type`, 'PEM', at);
}

function putPassword(
  manifest: Manifest,
  auth: Path,
  { alias, type }: { alias: string; type: string },
  around: Mounted,
): void {
  manifest.checkKeys(auth, ['type', 'username', 'passwordSecret']);
  const [mechanism, module] = modules[type]!;
  const username = manifest.textAt([...auth, 'username'], 'a user name');
  const secret = secretAt(manifest, [...auth, 'passwordSecret'], 'password');
  manifest.put(`${alias}.sasl.mechanism`, mechanism, [...auth, 'type']);
  if (username === undefined || secret === undefined) return;
  const jaas = (readFile: FileReader): string | Problem => {
    const password = readSecret(secret, around, readFile);
    if (typeof password !== 'string') return password;
    return `${module} required username=${jaasText(username)} password=${jaasText(password)};`;
  };
  manifest.putDerived(`${alias}.sasl.jaas.config`, [...auth, 'passwordSecret'], jaas, jaas(around.readFile));
}

/** Strimzi's own OAuth login; what Kafka's login by client credentials can do of it. */
function putToken(manifest: Manifest, auth: Path, alias: string, around: Mounted): void {
  const unused = [
    ...[
      'connectTimeoutSeconds',
      'readTimeoutSeconds',
      'httpRetries',
      'httpRetryPauseMs',
      'maxTokenExpirySeconds',
    ],
    ...['accessTokenIsJwt', 'enableMetrics', 'includeAcceptHeader'],
  ];
  const other = [
    ...['username', 'passwordSecret', 'refreshToken', 'disableTlsHostnameVerification', 'clientAssertion'],
    ...['clientAssertionLocation', 'clientAssertionType', 'saslExtensions', 'grantType'],
  ];
  const tokens = ['accessToken', 'accessTokenLocation'];
  const taken = [
    'clientId',
    'clientSecret',
    'scope',
    'audience',
    'tokenEndpointUri',
    'tlsTrustedCertificates',
  ];
  manifest.checkKeys(auth, ['type', ...taken, ...tokens, ...unused, ...other]);
  for (const key of other) {
    const value = manifest.at([...auth, key]);
    if (value === undefined || value === false || key === 'saslExtensions') continue;
    manifest.fault([...auth, key], {
      found: `${key}, a login that Lockstep does not know`,
      expected: 'clientId and clientSecret with tokenEndpointUri, or accessTokenLocation',
    });
  }
  const put = (key: string, value: string, path: Path) => manifest.put(`${alias}.${key}`, value, path);
  put('sasl.mechanism', 'OAUTHBEARER', [...auth, 'type']);
  put('sasl.login.callback.handler.class', `${security}.oauthbearer.OAuthBearerLoginCallbackHandler`, [
    ...auth,
    'type',
  ]);
  const extensions = manifest
    .keysAt([...auth, 'saslExtensions'])
    .map(
      (key) =>
        `${jaasText(`extension_${key}`)}=${jaasText(manifest.textAt([...auth, 'saslExtensions', key]) ?? '')}`,
    );
  const audience = manifest.textAt([...auth, 'audience']);
  const options = [...extensions, ...(audience === undefined ? [] : [`audience=${jaasText(audience)}`])];
  const login = `${security}.oauthbearer.OAuthBearerLoginModule required ${options.join(' ')}`;
  const trust = certificatesReader(manifest, [...auth, 'tlsTrustedCertificates'], around);
  const jaas = (readFile: FileReader): string | Problem => {
    if (trust === null) return `${login};`;
    const certificates = trust(readFile);
    if (typeof certificates !== 'string') return certificates;
    return `${login} ssl.truststore.type="PEM" ssl.truststore.certificates=${jaasText(certificates)};`;
  };
  manifest.putDerived(`${alias}.sasl.jaas.config`, [...auth, 'type'], jaas, jaas(around.readFile));
  const file = tokenFile(manifest, auth, around);
  if (file !== undefined) return put('sasl.oauthbearer.token.endpoint.url', pathToFileURL(file).href, auth);
  const url = manifest.textAt([...auth, 'tokenEndpointUri'], 'the https:// address of a token endpoint');
  if (url !== undefined) put('sasl.oauthbearer.token.endpoint.url', url, [...auth, 'tokenEndpointUri']);
  const id = manifest.textAt([...auth, 'clientId'], 'a client id');
  if (id !== undefined) put('sasl.oauthbearer.client.credentials.client.id', id, [...auth, 'clientId']);
  const scope = manifest.textAt([...auth, 'scope']);
  if (scope !== undefined) put('sasl.oauthbearer.scope', scope, [...auth, 'scope']);
  const secret = secretAt(manifest, [...auth, 'clientSecret'], 'key');
  if (secret === undefined) return;
  const read = (readFile: FileReader) => readSecret(secret, around, readFile);
  const key = `${alias}.sasl.oauthbearer.client.credentials.client.secret`;
  manifest.putDerived(key, [...auth, 'clientSecret'], read, read(around.readFile));
}

/** A token that something else renews: in a file, or in a secret that is mounted. */
function tokenFile(manifest: Manifest, auth: Path, around: Mounted): string | undefined {
  const location = manifest.textAt([...auth, 'accessTokenLocation']);
  if (location !== undefined || manifest.at([...auth, 'accessToken']) === undefined) return location;
  const secret = secretAt(manifest, [...auth, 'accessToken'], 'key');
  return secret && secretFile(secret, around);
}

function secretAt(
  manifest: Manifest,
  at: Path,
  keyName: 'password' | 'key',
): { name: string; key: string } | undefined {
  if (manifest.at(at) === undefined) {
    manifest.fault(at.slice(0, -1), {
      found: `no ${at.at(-1)}`,
      expected: `${at.at(-1)} with secretName and ${keyName}`,
    });
    return undefined;
  }
  manifest.checkKeys(at, ['secretName', keyName]);
  const name = manifest.textAt([...at, 'secretName'], 'the name of a Kubernetes secret');
  const key = manifest.textAt([...at, keyName], 'a key of the secret');
  return name === undefined || key === undefined ? undefined : { name, key };
}

/** In quotes as a JAAS configuration wants it. */
function jaasText(text: string): string {
  const escaped = text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  return `"${escaped}"`;
}
