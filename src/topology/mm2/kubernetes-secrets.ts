// Kubernetes secrets, as a pod sees them that has mounted them: one folder for each secret, one file for each key.
//
//   <secrets>/my-user/password      secret my-user, key password
//
// <secrets> is the folder in the environment variable LOCKSTEP_SECRETS, or else the folder `secrets` beside the file.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { type FileReader, readTextFile } from '../files.ts';
import type { Problem } from '../problems.ts';
import type { Around } from './types.ts';

const secretsVariable = 'LOCKSTEP_SECRETS';

type Mounted = Pick<Around, 'folder' | 'environment'>;
interface SecretKey {
  readonly name: string;
  readonly key: string;
}

/** Where the key of a secret has its file. */
export function secretFile({ name, key }: SecretKey, mounted: Mounted): string {
  return path.join(secretsFolder(mounted), name, key);
}

/** One key of a secret, without the line break at its end; or where it has to be put. */
export function readSecret(secret: SecretKey, mounted: Mounted, readFile: FileReader): string | Problem {
  const { name, key } = secret;
  const isPlain = [name, key].every(
    (part) => /^[A-Za-z0-9._-]+$/.test(part) && part !== '..' && part !== '.',
  );
  if (!isPlain) {
    return {
      found: 'a secret whose name or key is none of Kubernetes',
      expected: "letters, digits, '.', '_' and '-'",
    };
  }
  const file = secretFile(secret, mounted);
  const read = readTextFile(file, readFile);
  if ('text' in read && read.text.trim() !== '') return read.text.replace(/\r?\n$/, '');
  const why = 'text' in read ? 'is empty' : `can't be read (${read.reason})`;
  return missing(name, `${file} ${why}`, key);
}

/** All keys of a secret that a pattern with * and ? takes, one behind another, by name. */
export function readSecrets(
  { name, key: pattern }: SecretKey,
  mounted: Mounted,
  readFile: FileReader,
): string | Problem {
  const folder = path.join(secretsFolder(mounted), name);
  const expression = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  const glob = new RegExp(`^${expression.replaceAll('*', '.*').replaceAll('?', '.')}$`);
  let keys: string[];
  try {
    // Kubernetes keeps the files themselves in a folder that begins with two dots.
    keys = readdirSync(folder).filter((key) => glob.test(key) && !key.startsWith('..'));
  } catch {
    return missing(name, `the folder ${folder} can't be read`, pattern);
  }
  if (keys.length === 0) return missing(name, `the folder ${folder} has no file ${pattern}`, pattern);
  const texts = keys.sort().map((key) => readSecret({ name, key }, mounted, readFile));
  return texts.find((text) => typeof text !== 'string') ?? texts.join('\n');
}

function secretsFolder({ folder, environment }: Mounted): string {
  return path.resolve(folder, environment[secretsVariable] || 'secrets');
}

function missing(name: string, what: string, key: string): Problem {
  return {
    found: `the Kubernetes secret ${name}, of which ${what}`,
    expected: `its key ${key} there: mount the secret, or name the folder that has ${name}/${key} in ${secretsVariable}`,
  };
}
