// One entry of `clusters:` made ready for the client: addresses parsed, references and files resolved.
import path from 'node:path';
import {
  type BrokerAddress,
  type ClusterConfig,
  formatAddress,
  type OAuthTokenEndpoint,
  type SaslConfig,
  type TlsConfig,
} from '../client/config.ts';
import { isProblem, parseAddress } from './bootstrap.ts';
import { quote } from './describe.ts';
import { readTextFile } from './files.ts';
import type { Path } from './problems.ts';
import { type ClusterShape, clusterSchema } from './schema.ts';
import { type ReferenceContext, resolveOptional, resolveReferences, resolveSecret } from './secrets.ts';

/**
 * The cluster's configuration from the file's raw entry; incomplete when problems were added, and then not to be
 * used. Each part is resolved when its own shape is right, so that a typo in one hides nothing in another.
 */
export function resolveCluster(
  name: string,
  raw: Record<string, unknown>,
  context: ReferenceContext,
): ClusterConfig {
  const at: Path = ['clusters', name];
  const shape = partsInShape(raw);
  const tls = resolveTls(shape.tls, [...at, 'tls'], context);
  const sasl = resolveSasl(shape.sasl, [...at, 'sasl'], context);
  const clientId = resolveOptional(shape.clientId, [...at, 'clientId'], context);
  if (sasl?.mechanism === 'PLAIN' && tls === undefined) {
    context.problems.warn([...at, 'sasl'], 'PLAIN without tls sends the password in the clear');
  }
  return {
    name,
    bootstrap: resolveBootstrap(shape.bootstrap ?? [], [...at, 'bootstrap'], context),
    ...(tls && { tls }),
    ...(sasl && { sasl }),
    ...(clientId !== undefined && { clientId }),
  };
}

function partsInShape(raw: Record<string, unknown>): Partial<ClusterShape> {
  const { bootstrap, tls, sasl, clientId } = clusterSchema.shape;
  return {
    bootstrap: bootstrap.safeParse(raw.bootstrap).data,
    tls: tls.safeParse(raw.tls).data,
    sasl: sasl.safeParse(raw.sasl).data,
    clientId: clientId.safeParse(raw.clientId).data,
  } as Partial<ClusterShape>;
}

function resolveBootstrap(
  items: readonly string[],
  at: Path,
  { sources, problems }: ReferenceContext,
): BrokerAddress[] {
  const addresses: BrokerAddress[] = [];
  const seen = new Set<string>();
  for (const [index, item] of items.entries()) {
    const itemAt = [...at, index];
    const resolved = resolveReferences(item, itemAt, sources, problems);
    if (resolved === undefined) continue;
    // A variable often holds the whole list, as Kafka's own bootstrap.servers does.
    const texts = resolved.referenced ? resolved.text.split(',').map((part) => part.trim()) : [item];
    for (const text of texts) {
      const address = parseAddress(text);
      if (isProblem(address)) {
        const found = resolved.referenced
          ? `${quote(item)}, whose value (not shown) is no address`
          : address.found;
        problems.add(itemAt, resolved.referenced ? { found, expected: address.expected } : address);
        continue;
      }
      const key = formatAddress(address).toLowerCase();
      if (seen.has(key))
        problems.add(itemAt, { found: `the address ${quote(item)} a second time`, expected: 'each once' });
      seen.add(key);
      addresses.push(address);
    }
  }
  return addresses;
}

function resolveTls(shape: ClusterShape['tls'], at: Path, context: ReferenceContext): TlsConfig | undefined {
  if (shape === undefined || shape === false) return undefined;
  if (shape === true) return {};
  const { problems } = context;
  if (shape.key !== undefined && shape.cert === undefined) {
    problems.add([...at, 'key'], { found: 'a key without cert', expected: 'both key and cert, or neither' });
  }
  if (shape.cert !== undefined && shape.key === undefined) {
    problems.add([...at, 'cert'], { found: 'a cert without key', expected: 'both cert and key, or neither' });
  }
  if (shape.minVersion === 'TLSv1.3' && shape.maxVersion === 'TLSv1.2') {
    problems.add([...at, 'minVersion'], {
      found: 'TLSv1.3 above maxVersion',
      expected: 'at most maxVersion',
    });
  }
  if (shape.rejectUnauthorized === false) {
    problems.warn(
      [...at, 'rejectUnauthorized'],
      'rejectUnauthorized: false accepts any certificate; use ca instead',
    );
  }
  if (shape.verifyHostname === false) {
    problems.warn(
      [...at, 'verifyHostname'],
      "a broker's certificate is accepted whatever name it carries, if we trust its authority",
    );
  }
  const ca = readPem(shape.ca, [...at, 'ca'], 'CERTIFICATE', context);
  const cert = readPem(shape.cert, [...at, 'cert'], 'CERTIFICATE', context);
  const key = readPem(shape.key, [...at, 'key'], 'PRIVATE KEY', context);
  const passphrase = resolveSecret(shape.passphrase, [...at, 'passphrase'], context);
  const servername = resolveOptional(shape.servername, [...at, 'servername'], context);
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(passphrase !== undefined && { passphrase }),
    ...(servername !== undefined && { servername }),
    ...(shape.rejectUnauthorized !== undefined && { rejectUnauthorized: shape.rejectUnauthorized }),
    ...(shape.verifyHostname !== undefined && { verifyHostname: shape.verifyHostname }),
    ...(shape.minVersion !== undefined && { minVersion: shape.minVersion }),
    ...(shape.maxVersion !== undefined && { maxVersion: shape.maxVersion }),
  };
}

/** The PEM text of a file, or of a value that is PEM itself (from a reference, say). */
function readPem(
  value: string | undefined,
  at: Path,
  label: 'CERTIFICATE' | 'PRIVATE KEY',
  { sources, problems }: ReferenceContext,
): string | undefined {
  if (value === undefined) return undefined;
  const resolved = resolveReferences(value, at, sources, problems);
  if (resolved === undefined) return undefined;
  const header = new RegExp(`-----BEGIN [A-Z ]*${label}-----`);
  const expected = `a PEM file with BEGIN ${label}`;
  if (resolved.text.includes('-----BEGIN ')) {
    if (!resolved.referenced && label === 'PRIVATE KEY') {
      problems.warn(at, 'a private key stands in the file itself; better as a path or ${file:path}');
    }
    if (header.test(resolved.text)) return resolved.text;
    problems.add(at, { found: `PEM text without BEGIN ${label}`, expected });
    return undefined;
  }
  const shown = resolved.referenced ? value : resolved.text;
  const file = readTextFile(path.resolve(sources.folder, resolved.text), sources.readFile);
  if ('reason' in file) {
    problems.add(at, { found: `the file ${quote(shown)}, which can't be read (${file.reason})`, expected });
    return undefined;
  }
  if (header.test(file.text)) return file.text;
  problems.add(at, { found: `the file ${quote(shown)} without BEGIN ${label}`, expected });
  return undefined;
}

function resolveSasl(
  shape: ClusterShape['sasl'],
  at: Path,
  context: ReferenceContext,
): SaslConfig | undefined {
  if (shape === undefined) return undefined;
  if (shape.mechanism !== 'OAUTHBEARER') {
    const username = resolveOptional(shape.username, [...at, 'username'], context) ?? '';
    const password = resolveSecret(shape.password, [...at, 'password'], context) ?? '';
    return { mechanism: shape.mechanism, username, password };
  }
  const { problems, sources } = context;
  const given = (['token', 'tokenFile', 'tokenEndpoint'] as const).filter((key) => shape[key] !== undefined);
  if (given.length !== 1) {
    const found = given.length === 0 ? 'OAUTHBEARER without a token' : `both ${given.join(' and ')}`;
    problems.addAtKey(at, { found, expected: 'one of token, tokenFile, tokenEndpoint' });
  }
  const token = resolveSecret(shape.token, [...at, 'token'], context);
  const tokenFile = resolveOptional(shape.tokenFile, [...at, 'tokenFile'], context);
  const tokenEndpoint =
    shape.tokenEndpoint && resolveEndpoint(shape.tokenEndpoint, [...at, 'tokenEndpoint'], context);
  const extensions: Record<string, string> = {};
  for (const [key, value] of Object.entries(shape.extensions ?? {})) {
    extensions[key] = resolveOptional(value, [...at, 'extensions', key], context) ?? '';
  }
  return {
    mechanism: 'OAUTHBEARER',
    ...(token !== undefined && { token }),
    ...(tokenFile !== undefined && { tokenFile: path.resolve(sources.folder, tokenFile) }),
    ...(tokenEndpoint && { tokenEndpoint }),
    ...(shape.extensions && { extensions }),
  };
}

type EndpointShape = NonNullable<
  Extract<ClusterShape['sasl'], { mechanism: 'OAUTHBEARER' }>['tokenEndpoint']
>;

function resolveEndpoint(shape: EndpointShape, at: Path, context: ReferenceContext): OAuthTokenEndpoint {
  const url = resolveOptional(shape.url, [...at, 'url'], context) ?? '';
  if (url !== '' && !isSafeEndpoint(url)) {
    context.problems.add([...at, 'url'], {
      found: 'another kind of address (not shown)',
      expected: 'https://..., or http:// to this machine only',
    });
  }
  const scope = resolveOptional(shape.scope, [...at, 'scope'], context);
  const audience = resolveOptional(shape.audience, [...at, 'audience'], context);
  const ca = readPem(shape.ca, [...at, 'ca'], 'CERTIFICATE', context);
  return {
    url,
    clientId: resolveOptional(shape.clientId, [...at, 'clientId'], context) ?? '',
    clientSecret: resolveSecret(shape.clientSecret, [...at, 'clientSecret'], context) ?? '',
    ...(scope !== undefined && { scope }),
    ...(audience !== undefined && { audience }),
    ...(shape.urlEncode !== undefined && { urlEncode: shape.urlEncode }),
    ...(ca !== undefined && { ca }),
  };
}

function isSafeEndpoint(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  const loopback = hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname);
  return protocol === 'https:' || (protocol === 'http:' && loopback);
}
