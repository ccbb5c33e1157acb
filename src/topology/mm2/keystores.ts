// Java's stores of keys and certificates, PKCS12 and JKS, as PEM. As in Java the contents tell the format, whatever the
// configured type says of the two (keystore.type.compat). node-forge reads PKCS12 (also AES and PBES2, as keytool writes since
// JDK 17), jks-js reads JKS. What can't be read is named with the command that converts it; passwords stand in no message.
import { X509Certificate } from 'node:crypto';
import { createRequire } from 'node:module';
import type * as Jks from 'jks-js';
import type Forge from 'node-forge';
import type { Problem } from '../problems.ts';

// Loaded when a store is read: they take longer than everything else that a command loads.
const require = createRequire(import.meta.url);
const forge = (): typeof Forge => require('node-forge');
const jks = (): typeof Jks => require('jks-js');

export interface StorePasswords {
  /** Of the store; null: not given, which Java allows for certificates that are not encrypted. */
  readonly store: string | null;
  /** Of the key in it; null: as the store's. */
  readonly key: string | null;
}

export interface KeyStoreContents {
  /** Certificates to trust, as Java takes them: trusted entries, and the first certificate of each key's chain. PEM. */
  readonly trusted: readonly string[];
  /** Keys with their chains, our own certificate first. PEM; a function, since only a key store needs the key's password. */
  readonly keys: readonly { readonly chain: string; readonly key: () => string | Problem }[];
}

type StoreFormat = 'PKCS12' | 'JKS' | 'JCEKS' | 'PEM' | 'unknown';

/**
 * What a store holds.
 * @param bytes one character for each byte
 * @param file as messages call it
 */
export function readKeyStore(
  bytes: string,
  file: string,
  passwords: StorePasswords,
): KeyStoreContents | Problem {
  switch (formatOf(bytes)) {
    case 'PKCS12':
      return readPkcs12(bytes, file, passwords);
    case 'JKS':
      return readJks(Buffer.from(bytes, 'latin1'), file, passwords);
    case 'JCEKS':
      return {
        found: `the JCEKS store ${file}, which Lockstep can't read`,
        expected: `a PKCS12 store: keytool -importkeystore -srckeystore ${file} -srcstoretype JCEKS -destkeystore ${file}.p12 -deststoretype PKCS12`,
      };
    case 'PEM':
      return { found: `the PEM file ${file}`, expected: 'a PKCS12 or JKS store, or PEM as its type' };
    default:
      return {
        found: `the file ${file}, which is no store that Lockstep can read`,
        expected:
          'PKCS12, JKS or PEM; another kind is converted with keytool -importkeystore ... -deststoretype PKCS12',
      };
  }
}

function formatOf(bytes: string): StoreFormat {
  const magic = Buffer.from(bytes.slice(0, 4), 'latin1').toString('hex');
  if (magic === 'feedfeed') return 'JKS';
  if (magic === 'cececece') return 'JCEKS';
  if (bytes.slice(0, 4096).includes('-----BEGIN ')) return 'PEM';
  return magic.startsWith('30') ? 'PKCS12' : 'unknown';
}

type Bag = Forge.pkcs12.Bag & { readonly asn1?: Forge.asn1.Asn1 };

function readPkcs12(bytes: string, file: string, { store }: StorePasswords): KeyStoreContents | Problem {
  let tree: Forge.asn1.Asn1;
  try {
    tree = forge().asn1.fromDer(bytes);
  } catch {
    return damaged(file);
  }
  let bags: Bag[];
  try {
    bags = forge()
      .pkcs12.pkcs12FromAsn1(tree, true, store ?? '')
      .safeContents.flatMap(({ safeBags }) => safeBags);
  } catch {
    return wrongPassword(file, store);
  }
  const { certBag, keyBag, pkcs8ShroudedKeyBag } = forge().pki.oids;
  const certificates = bags.flatMap((bag) => {
    const pem = bag.type === certBag ? certificatePem(bag) : null;
    return pem === null ? [] : [{ pem, id: localKeyId(bag) }];
  });
  const keys = bags
    .filter(({ type }) => type === keyBag || type === pkcs8ShroudedKeyBag)
    .flatMap((bag) => {
      const own = certificates.find(({ id }) => id !== null && id === localKeyId(bag)) ?? certificates[0];
      const others = certificates.map(({ pem }) => pem);
      return own === undefined ? [] : [{ chain: chainOf(own.pem, others), key: () => keyPem(bag) }];
    });
  const chained = new Set(keys.flatMap(({ chain }) => splitPem(chain).slice(1)));
  return { trusted: certificates.map(({ pem }) => pem).filter((pem) => !chained.has(pem)), keys };
}

function localKeyId(bag: Bag): string | null {
  const [id] = (bag.attributes as { localKeyId?: string[] } | undefined)?.localKeyId ?? [];
  return id ?? null;
}

/** What node-forge has no class for (elliptic curves) it hands over as it stands in the file. */
function certificatePem({ cert, asn1 }: Bag): string | null {
  const tree = cert ? forge().pki.certificateToAsn1(cert) : asn1;
  return tree === undefined ? null : pemOf('CERTIFICATE', tree);
}

function keyPem({ key, asn1 }: Bag): string {
  const tree = key ? forge().pki.wrapRsaPrivateKey(forge().pki.privateKeyToAsn1(key)) : asn1!;
  return pemOf('PRIVATE KEY', tree);
}

function pemOf(type: 'CERTIFICATE' | 'PRIVATE KEY', tree: Forge.asn1.Asn1): string {
  return forge()
    .pem.encode({ type, body: forge().asn1.toDer(tree).getBytes() })
    .replaceAll('\r\n', '\n');
}

function readJks(bytes: Buffer, file: string, { store, key }: StorePasswords): KeyStoreContents | Problem {
  let entries: ReturnType<typeof Jks.parseJks>;
  try {
    // Where the file is cut off, jks-js cuts the certificate, too.
    for (const entry of jks().parseJks(bytes, '')) {
      for (const { value } of 'chain' in entry ? entry.chain : [entry.cert]) new X509Certificate(value);
    }
  } catch {
    return damaged(file);
  }
  try {
    // An empty password means that the checksum is not compared, as with none in Java.
    entries = jks().parseJks(bytes, store ?? '');
  } catch {
    return wrongPassword(file, store);
  }
  const keys = entries.flatMap((entry) =>
    'chain' in entry
      ? [
          {
            chain: entry.chain.map(({ value }) => derPem(value)).join(''),
            key: () => jksKey(entry.protectedPrivateKey, file, key ?? store ?? ''),
          },
        ]
      : [],
  );
  const trusted = entries.flatMap((entry) =>
    'chain' in entry ? entry.chain.slice(0, 1).map(({ value }) => derPem(value)) : [derPem(entry.cert.value)],
  );
  return { trusted, keys };
}

function jksKey(encrypted: Buffer, file: string, password: string): string | Problem {
  try {
    return jks().decrypt(encrypted, password);
  } catch {
    return {
      found: `a key in ${file} that its password does not open`,
      expected: 'the password of the key in ssl.key.password (without it, the one of the store is used)',
    };
  }
}

function derPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** Our certificate, then each one's issuer as far as the store has it. */
function chainOf(own: string, all: readonly string[]): string {
  const chain = [own];
  for (let last = readCertificate(own); last !== null && chain.length <= all.length; ) {
    const child: X509Certificate = last;
    const issuer = all.find((pem) => {
      const candidate = chain.includes(pem) ? null : readCertificate(pem);
      return candidate !== null && child.checkIssued(candidate);
    });
    if (issuer === undefined) break;
    chain.push(issuer);
    last = readCertificate(issuer);
  }
  return chain.join('');
}

function readCertificate(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}

/** One text for each certificate of a PEM text. */
export function splitPem(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? [];
}

function damaged(file: string): Problem {
  return {
    found: `the store ${file}, which is damaged`,
    expected: `a whole one: keytool -list -keystore ${file} shows whether it is`,
  };
}

function wrongPassword(file: string, password: string | null): Problem {
  if (password === null) {
    return {
      found: `the store ${file} without its password`,
      expected: 'the password, as keytool asks for it',
    };
  }
  return {
    found: `the store ${file}, which its password does not open`,
    expected: `the password that keytool -list -keystore ${file} takes`,
  };
}
