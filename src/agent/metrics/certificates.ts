// Until when the certificates of a cluster's connection are valid.
import { X509Certificate } from 'node:crypto';
import type { ClusterConfig } from '../../client/index.ts';
import type { CertificateView } from '../view.ts';

const pemCertificate = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Our own chain and the authorities that we trust; empty where the system's list is trusted and nothing is shown. */
export function certificatesOf({ name, tls }: ClusterConfig): CertificateView[] {
  const read = (pem: string | undefined, kind: CertificateView['kind']): CertificateView[] =>
    Array.from((pem ?? '').matchAll(pemCertificate), ([text]) => {
      const { subject, validToDate } = new X509Certificate(text);
      // One line, most special name first, as people write it: CN=agent, O=example
      const oneLine = subject.split('\n').toReversed().join(', ');
      return { cluster: name, kind, subject: oneLine, expiresAtMs: validToDate.getTime() };
    });
  return [...read(tls?.cert, 'own'), ...read(tls?.ca, 'authority')];
}
