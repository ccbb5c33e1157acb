// Small files named by lockstep.yaml: certificates, keys, secrets. Size is bounded, and reasons are in words.
import { readFileSync, statSync } from 'node:fs';

/** Largest file that is read: a certificate bundle is far smaller; a log named by mistake is not. */
export const fileBytesMax = 4 * 1024 * 1024;

/** Reads a whole file as UTF-8, or throws as node:fs does. */
export type FileReader = (file: string) => string;

/** The file reader of the real system. */
export const readFromDisk: FileReader = (file) => {
  const stat = statSync(file);
  if (stat.isFile() && stat.size > fileBytesMax)
    throw Object.assign(new Error('too large'), { code: 'EFBIG' });
  return readFileSync(file, 'utf8');
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
export function readTextFile(file: string, read: FileReader): { text: string } | { reason: string } {
  try {
    return { text: read(file) };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    return { reason: reasons[code] ?? `error ${code}`.trim() };
  }
}
