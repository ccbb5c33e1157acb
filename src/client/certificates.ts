// Which certificates a cluster's connections depend on, and when they expire: our own, the authorities that we trust, and
// those that brokers show.
import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { TlsConfig } from './config.ts';

export interface CertificateFacts {
  /** `own`: what we show to brokers; `authority`: whom we trust; `broker`: what a broker has shown. */
  readonly kind: 'own' | 'authority' | 'broker';
  readonly subject: string;
  readonly expiresAtMs: number;
}

const beginMark = '-----BEGIN CERTIFICATE-----';
const blockPattern = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of a PEM text. @throws Error when one is cut off or broken. */
function readCertificates(pem: string): X509Certificate[] {
  const blocks = pem.match(blockPattern) ?? [];
  if (blocks.length !== pem.split(beginMark).length - 1) throw new Error('a certificate is cut off');
  return blocks.map((block) => new X509Certificate(block));
}

/** Why these can't be used for TLS: a file is half written, or key and certificate are no pair. Null when they can. */
export function unusableTls(tls: TlsConfig): string | null {
  try {
    for (const pem of [tls.ca, tls.cert]) if (pem !== undefined) readCertificates(pem);
    createSecureContext({ ca: tls.ca, cert: tls.cert, key: tls.key, passphrase: tls.passphrase });
    return null;
  } catch (cause) {
    const { code } = cause as { code?: string };
    if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH') return 'key and certificate are no pair';
    return `the PEM text is broken${code === undefined ? '' : ` (${code})`}`;
  }
}

/** Our own certificates and the authorities, as configured; what can't be read is left out. */
export function configuredCertificates(tls: TlsConfig | undefined): CertificateFacts[] {
  return [...factsOf('own', tls?.cert), ...factsOf('authority', tls?.ca)];
}

function factsOf(kind: CertificateFacts['kind'], pem: string | undefined): CertificateFacts[] {
  if (pem === undefined) return [];
  try {
    return readCertificates(pem).map((certificate) => certificateFacts(kind, certificate));
  } catch {
    return [];
  }
}

export function certificateFacts(
  kind: CertificateFacts['kind'],
  certificate: Pick<X509Certificate, 'subject' | 'validTo'>,
): CertificateFacts {
  const { subject, validTo } = certificate;
  // The most special name first, as people write it: CN=agent, O=example.
  const names = subject.split('\n').toReversed().join(', ');
  return { kind, subject: names, expiresAtMs: Date.parse(validTo) };
}
