// Kubernetes secrets, as a pod sees them that has mounted them: one folder for each secret, one file for each key.
//
//   <secrets>/my-user/password      secret my-user, key password
//
// <secrets> is the folder in the environment variable LOCKSTEP_SECRETS, or else the folder `secrets` beside the file.
import path from 'node:path';
import { type FileReader, readTextFile } from '../files.ts';
import type { Problem } from '../problems.ts';
import type { Around } from './types.ts';

export const secretsVariable = 'LOCKSTEP_SECRETS';

/** One key of a secret, without the line break at its end; or where it has to be put. */
export function readSecret(
  { name, key }: { name: string; key: string },
  { folder, environment }: Pick<Around, 'folder' | 'environment'>,
  readFile: FileReader,
): string | Problem {
  const secrets = path.resolve(folder, environment[secretsVariable] || 'secrets');
  const isPlain = [name, key].every(
    (part) => /^[A-Za-z0-9._-]+$/.test(part) && part !== '..' && part !== '.',
  );
  if (!isPlain) {
    return {
      found: 'a secret whose name or key is none of Kubernetes',
      expected: "letters, digits, '.', '_' and '-'",
    };
  }
  const file = path.join(secrets, name, key);
  const read = readTextFile(file, readFile);
  if ('text' in read && read.text.trim() !== '') return read.text.replace(/\r?\n$/, '');
  const why = 'text' in read ? 'is empty' : `can't be read (${read.reason})`;
  return {
    found: `the Kubernetes secret ${name}, of which ${file} ${why}`,
    expected: `its key ${key} there: mount the secret, or name the folder that has ${name}/${key} in ${secretsVariable}`,
  };
}
