// Small files named by lockstep.yaml: certificates, keys, secrets. Size is bounded, and reasons are in words.
import { readFileSync, statSync } from 'node:fs';

/** Largest file that is read: a certificate bundle is far smaller; a log named by mistake is not. */
const fileBytesMax = 4 * 1024 * 1024;

/** Reads a whole file as UTF-8, or one character for each byte (`latin1`), or throws as node:fs does. */
export type FileReader = (file: string, encoding?: 'utf8' | 'latin1') => string;

/** The file reader of the real system. */
export const readFromDisk: FileReader = (file, encoding = 'utf8') => {
  const stat = statSync(file);
  if (stat.isFile() && stat.size > fileBytesMax)
    throw Object.assign(new Error('too large'), { code: 'EFBIG' });
  return readFileSync(file, encoding);
};

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is not a folder',
  ELOOP: 'too many symbolic links',
  ENAMETOOLONG: 'the name is too long',
  EFBIG: `larger than ${fileBytesMax / 1024 / 1024} MiB`,
};

/** The file's text, or why it can't be read. */
export function readTextFile(
  file: string,
  read: FileReader,
  encoding?: 'utf8' | 'latin1',
): { text: string } | { reason: string } {
  try {
    return { text: read(file, encoding) };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    return { reason: reasons[code] ?? `error ${code}`.trim() };
  }
}
