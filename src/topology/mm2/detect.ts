// Which files are MirrorMaker 2's: by extension, else by the first line that says something.

/** Whether a file is one of properties; a YAML file is told apart by its `kind` once it is parsed. */
export function isMirrorMakerFile(file: string, text: () => string): boolean {
  if (/\.properties$/i.test(file)) return true;
  if (/\.(ya?ml|json)$/i.test(file)) return false;
  const lines = text().split(/\r\n|\r|\n/);
  const first = lines.find((line) => !/^\s*([#!].*)?$/.test(line));
  return first !== undefined && /^\s*[A-Za-z0-9_.>-]+\s*=/.test(first);
}
