// Client certificates for tests: of a region's own authority, or of nobody's.
import { execFileSync } from 'node:child_process';
import path from 'node:path';

/** Writes NAME.pem and NAME.key. Without `caFile` nobody vouches for it. */
export function makeClientCertificate(folder: string, name: string, caFile: string | null): void {
  const file = (ending: string): string => path.join(folder, `${name}.${ending}`);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file('key')];
  const subject = ['-subj', `/CN=${name}`];
  if (caFile === null) {
    openssl('req', '-x509', ...key, '-out', file('pem'), '-days', '2', ...subject);
    return;
  }
  const authority = ['-CA', caFile, '-CAkey', path.join(path.dirname(caFile), 'ca.key'), '-CAcreateserial'];
  openssl('req', '-new', ...key, '-out', file('csr'), ...subject);
  openssl('x509', '-req', '-in', file('csr'), ...authority, '-out', file('pem'), '-days', '3');
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore' });
}
