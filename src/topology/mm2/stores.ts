// ssl.truststore.* and ssl.keystore.* as `tls.ca`, `tls.cert` and `tls.key`: PEM as text or file, PKCS12, JKS
// (org.apache.kafka.common.security.ssl.DefaultSslEngineFactory). Stores are read again when their files are replaced.
import { X509Certificate } from 'node:crypto';
import path from 'node:path';
import { type FileReader, readTextFile } from '../files.ts';
import type { Problem } from '../problems.ts';
import type { DerivedText } from '../secrets.ts';
import { type KeyStoreContents, readKeyStore, splitPem } from './keystores.ts';
import { type PartBuilder, textOf } from './part.ts';
import type { Around, Property, Settings } from './types.ts';

type At = readonly string[];

/** What trusts brokers: `ca` below `at`; nothing where no store is configured. */
export function putTrustStore(settings: Settings, at: At, part: PartBuilder, around: Around): void {
  const { reporter } = around;
  const location = filled(settings, 'ssl.truststore.location');
  const certificates = filled(settings, 'ssl.truststore.certificates');
  const password = filled(settings, 'ssl.truststore.password');
  const isPem = typeOf(settings, 'ssl.truststore.type') === 'PEM';
  const ca = [...at, 'ca'];
  if (certificates !== undefined && !isPem) {
    reporter.fault(certificates, needsPem('certificates', 'ssl.truststore.type'));
  } else if (certificates !== undefined && location !== undefined) {
    reporter.fault(certificates, both('ssl.truststore.certificates', 'ssl.truststore.location'));
  } else if (password !== undefined && isPem) {
    reporter.fault(password, noPassword('ssl.truststore.password'));
  } else if (certificates !== undefined) {
    part.putDerived(ca, certificates, (readFile) => pemOf(certificates, 'CERTIFICATE', readFile));
  } else if (location !== undefined && isPem) {
    part.putText(ca, location);
  } else if (location !== undefined) {
    const store = storeReader({ location, password, key: undefined }, around);
    const trusted: DerivedText = (readFile) => {
      const contents = store(readFile);
      if ('found' in contents) return contents;
      if (contents.trusted.length > 0) return contents.trusted.join('');
      return {
        found: `the store ${location.value} without a certificate`,
        expected: 'certificates to trust',
      };
    };
    warnOfExpiry(trusted, location, around);
    part.putDerived(ca, location, trusted);
  } else if (password !== undefined) {
    reporter.fault(password, { found: 'the password of no store', expected: 'ssl.truststore.location, too' });
  }
}

/** Who we are: `cert` and `key` below `at`; nothing where no store is configured. */
export function putKeyStore(settings: Settings, at: At, part: PartBuilder, around: Around): void {
  const { reporter } = around;
  const location = filled(settings, 'ssl.keystore.location');
  const key = filled(settings, 'ssl.keystore.key');
  const chain = filled(settings, 'ssl.keystore.certificate.chain');
  const password = filled(settings, 'ssl.keystore.password');
  const keyPassword = filled(settings, 'ssl.key.password');
  const isPem = typeOf(settings, 'ssl.keystore.type') === 'PEM';
  const inline = key ?? chain;
  for (const secret of [key, password, keyPassword]) warnOfLiteral(secret, around);
  if (inline !== undefined && !isPem) {
    reporter.fault(inline, needsPem('a key and its certificate', 'ssl.keystore.type'));
  } else if (inline !== undefined && location !== undefined) {
    reporter.fault(inline, both(inline.key, 'ssl.keystore.location'));
  } else if (password !== undefined && isPem) {
    reporter.fault(password, noPassword('ssl.keystore.password'));
  } else if (inline !== undefined && (key === undefined || chain === undefined)) {
    const missing = key === undefined ? 'ssl.keystore.key' : 'ssl.keystore.certificate.chain';
    reporter.fault(inline, { found: `a key store without ${missing}`, expected: 'both, or neither' });
  } else if (key !== undefined && chain !== undefined) {
    part.putDerived([...at, 'cert'], chain, (readFile) => pemOf(chain, 'CERTIFICATE', readFile));
    part.putDerived([...at, 'key'], key, (readFile) => pemOf(key, 'PRIVATE KEY', readFile));
    putPassphrase(keyPassword, at, part);
  } else if (location !== undefined && isPem) {
    part.putText([...at, 'cert'], location);
    part.putText([...at, 'key'], location);
    putPassphrase(keyPassword, at, part);
  } else if (location !== undefined && password === undefined) {
    reporter.fault(location, {
      found: 'a key store without its password',
      expected: 'ssl.keystore.password',
    });
  } else if (location !== undefined) {
    putKeysOf({ location, password, key: keyPassword }, at, part, around);
  } else if (password !== undefined) {
    reporter.fault(password, { found: 'the password of no store', expected: 'ssl.keystore.location, too' });
  }
}

/** Passwords of stores with keys, and keys themselves, are better kept elsewhere. */
function warnOfLiteral(property: Property | undefined, { reporter }: Around): void {
  if (property === undefined || property.isReferenced === true) return;
  reporter.warn(property, 'a secret stands in the file itself; better behind a config provider');
}

function putPassphrase(keyPassword: Property | undefined, at: At, part: PartBuilder): void {
  if (keyPassword === undefined) return;
  part.putDerived([...at, 'passphrase'], keyPassword, (readFile) => textOf(keyPassword, readFile));
}

interface StorePlace {
  readonly location: Property;
  readonly password: Property | undefined;
  readonly key: Property | undefined;
}

function putKeysOf(place: StorePlace, at: At, part: PartBuilder, around: Around): void {
  const { location } = place;
  const store = storeReader(place, around);
  const first =
    (what: 'chain' | 'key'): DerivedText =>
    (readFile) => {
      const contents = store(readFile);
      if ('found' in contents) return contents;
      const [entry] = contents.keys;
      if (entry === undefined) {
        return { found: `the store ${location.value} without a key`, expected: 'a key and its certificate' };
      }
      return what === 'chain' ? entry.chain : entry.key();
    };
  const contents = store(around.readFile);
  if (!('found' in contents) && contents.keys.length > 1) {
    around.reporter.warn(location, `${location.value} holds ${contents.keys.length} keys; the first is used`);
  }
  warnOfExpiry(first('chain'), location, around);
  part.putDerived([...at, 'cert'], location, first('chain'));
  part.putDerived([...at, 'key'], location, first('key'));
}

/** What is left of `C:\certs\truststore.jks` once `\c` and `\t` are read as escapes. */
const unescapedPath = /^[A-Za-z]:[^\\/]|[\t\n\r\f]/;

/** Reads the store at each call; what was read from the same bytes with the same passwords is kept. */
function storeReader(
  { location, password, key }: StorePlace,
  { folder }: Around,
): (readFile: FileReader) => KeyStoreContents | Problem {
  let kept: { readonly from: string; readonly contents: KeyStoreContents | Problem } | null = null;
  return (readFile) => {
    const where = textOf(location, readFile);
    if (typeof where !== 'string') return where;
    const passwords = [password, key].map((property) => (property ? textOf(property, readFile) : null));
    const fault = passwords.find((value) => value !== null && typeof value !== 'string');
    if (fault !== undefined) return fault as Problem;
    const [storePassword, keyPassword] = passwords as (string | null)[];
    const read = readTextFile(path.resolve(folder, where), (file) => readFile(file, 'latin1'));
    if ('reason' in read) {
      const isUnescaped = unescapedPath.test(where);
      return {
        found: `the store ${isUnescaped ? JSON.stringify(where) : where}, which can't be read (${read.reason})`,
        expected: `a PKCS12 or JKS store${isUnescaped ? `, with / or \\\\ between folders: a single \\ is an escape here` : ''}`,
      };
    }
    const from = JSON.stringify([where, storePassword, keyPassword, read.text]);
    if (kept?.from !== from) {
      const given = { store: storePassword ?? null, key: keyPassword ?? null };
      kept = { from, contents: readKeyStore(read.text, where, given) };
    }
    return kept.contents;
  };
}

function warnOfExpiry(text: DerivedText, property: Property, { readFile, reporter }: Around): void {
  const pem = text(readFile);
  if (typeof pem !== 'string') return;
  for (const one of splitPem(pem)) {
    const { subject, validTo, validToDate } = new X509Certificate(one);
    if (validToDate.getTime() >= Date.now()) continue;
    const name = subject.replaceAll('\n', ', ');
    reporter.warn(property, `the certificate ${name} has expired (${validTo}): renew it`);
  }
}

/**
 * PEM as Kafka takes it: also on one line, with text around it. OpenSSL wants its lines.
 * @returns every block of the kind, of a key exactly one
 */
function pemOf(
  property: Property,
  label: 'CERTIFICATE' | 'PRIVATE KEY',
  readFile: FileReader,
): string | Problem {
  const text = textOf(property, readFile);
  if (typeof text !== 'string') return text;
  const pattern = new RegExp(`-----BEGIN ([A-Z ]*${label})-----([^-]*)-----END \\1-----`, 'g');
  const blocks = [...text.matchAll(pattern)].map(([whole, name, body]) => {
    // A key that is encrypted in the old way has headers, whose lines matter.
    if (body!.includes(':')) return `${whole}\n`;
    const lines = body!.replace(/\s/g, '').match(/.{1,64}/g) ?? [];
    return `-----BEGIN ${name}-----\n${lines.join('\n')}\n-----END ${name}-----\n`;
  });
  if (blocks.length === 1 || (blocks.length > 1 && label === 'CERTIFICATE')) return blocks.join('');
  return {
    found: blocks.length === 0 ? `a text without BEGIN ${label}` : `${blocks.length} private keys`,
    expected: `PEM with ${label === 'CERTIFICATE' ? 'certificates' : 'one private key'} (lines of a value in a file of properties end in \\n\\)`,
  };
}

/** A property that is there and not empty. */
function filled(settings: Settings, key: string): Property | undefined {
  const property = settings.get(key);
  return property?.value === '' ? undefined : property;
}

function typeOf(settings: Settings, key: string): string {
  return (settings.get(key)?.value ?? 'JKS').trim().toUpperCase();
}

function needsPem(what: string, typeKey: string): Problem {
  return { found: `${what} as text without ${typeKey}=PEM`, expected: `${typeKey}=PEM` };
}

function both(one: string, other: string): Problem {
  return { found: `both ${one} and ${other}`, expected: 'one of them' };
}

function noPassword(key: string): Problem {
  return {
    found: `${key} with PEM, which Kafka refuses`,
    expected: 'no password (ssl.key.password opens a key)',
  };
}
