// lockstep.yaml files for tests: read as if they stood in /etc/ls, and what is wrong with them.
import assert from 'node:assert/strict';
import { LockstepError } from '../errors.ts';
import { parseTopology } from './load.ts';
import type { Topology } from './types.ts';

export const pemCertificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
export const pemKey = '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n';
const files: Record<string, string> = {
  '/etc/ls/ca.pem': pemCertificate,
  '/etc/ls/agent.pem': pemCertificate,
  '/etc/ls/agent.key': pemKey,
  '/etc/ls/password.txt': 'from-a-file\n',
  '/etc/ls/empty.txt': '\n',
  '/run/secrets/token': 'absolute',
};
const environment = { PASSWORD: 's3cret', EMPTY: '', BOTH: 'a:1, b:2', BAD: 's3cret:0' };

/** The keys of a mapping, as a problem line lists them. */
export const keysOf = ({ shape }: { readonly shape: object }): string => Object.keys(shape).join(', ');

export function parse(text: string): Topology {
  return parseTopology(text, 'l.yaml', {
    folder: '/etc/ls',
    environment,
    readFile: (file) => {
      const found = files[file];
      if (found === undefined) throw Object.assign(new Error('no'), { code: 'ENOENT' });
      return found;
    },
  });
}

/** The problem lines of a text, without the file's name. */
export function problems(text: string): string[] {
  try {
    parse(text);
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    assert.equal(error.code, 'CONFIG_INVALID');
    assert.equal(error.exitCode, 2);
    assert(!error.message.includes('s3cret'));
    const lines = error.message.split('\n');
    assert.equal(error.detail.problems, lines.length);
    for (const line of lines) assert.match(line, /^l\.yaml:\d+:\d+: found .+, expected .+/);
    return lines.map((line) => line.slice('l.yaml:'.length));
  }
  return [];
}

/** A whole file around one cluster's keys (they begin on line 4, column 5). */
export const cluster = (keys: string): string => `version: 1\nclusters:\n  a:\n    ${keys}\n`;
/** A whole file around one link's keys (they begin on line 6, column 5). */
export const link = (keys: string): string =>
  `version: 1\nclusters: {us-east: {bootstrap: [u:1]}, eu-west: {bootstrap: [e:1]}}\nlinks:\n\n  l:\n    ${keys}\n`;
export const ends = 'source: us-east\n    destination: eu-west\n    ';
export const addressExpected = 'host:port, such as kafka-1:9092 or [2001:db8::1]:9092';
export const clusterKeys = 'one of bootstrap, tls, sasl, clientId, labels';
