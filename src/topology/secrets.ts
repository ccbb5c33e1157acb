// References in the strings of a cluster: ${env:NAME} is an environment variable, ${file:path} a file's content
// (relative to lockstep.yaml, one trailing line break removed), $${ a plain ${. They keep secrets out of the
// file. What a reference yields is never part of a message.
import path from 'node:path';
import { type FileReader, readTextFile } from './files.ts';
import type { Path, Problem, Problems } from './problems.ts';

/** Where references are looked up; tests pass their own. */
export interface ReferenceSources {
  /** Folder of lockstep.yaml. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly readFile: FileReader;
  /** Texts that a translated file (mm2.properties) makes from other files, by the NAME of `${derived:NAME}`. */
  readonly derived?: ReadonlyMap<string, DerivedText>;
}

/** Makes the text anew at each call, or says what is wrong now; neither shows a secret. */
export type DerivedText = (readFile: FileReader) => string | Problem;

export interface ResolvedText {
  readonly text: string;
  /** Whether any part came from a reference. */
  readonly referenced: boolean;
}

/** Everything the resolving of one part of the file needs besides its shape. */
export interface ReferenceContext {
  readonly sources: ReferenceSources;
  readonly problems: Problems;
}

const referencePattern = /\$?\$\{([^}]*)(\}?)/g;
const valueExpected = '${env:NAME} or ${file:path} ($${ for a plain ${)';

/** The text with its references replaced; undefined, with a problem added, when one can't be. */
export function resolveReferences(
  text: string,
  at: Path,
  sources: ReferenceSources,
  problems: Problems,
): ResolvedText | undefined {
  let failed = false;
  let referenced = false;
  const resolved = text.replace(referencePattern, (whole, body: string, end: string) => {
    if (whole.startsWith('$$')) return whole.slice(1);
    const value = end === '' ? undefined : lookUp(body, at, sources, problems);
    if (end === '') problems.add(at, { found: "a '${' without its '}'", expected: valueExpected });
    if (value === undefined) failed = true;
    referenced = true;
    return value ?? '';
  });
  return failed ? undefined : { text: resolved, referenced };
}

function lookUp(body: string, at: Path, sources: ReferenceSources, problems: Problems): string | undefined {
  const colon = body.indexOf(':');
  const kind = body.slice(0, Math.max(colon, 0));
  const name = body.slice(colon + 1);
  if (kind === 'env' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    const value = Object.hasOwn(sources.environment, name) ? sources.environment[name] : undefined;
    if (value !== undefined && value !== '') return value;
    const state = value === '' ? 'is empty' : 'is not set';
    problems.add(at, {
      found: `\${env:${name}}, and ${name} ${state}`,
      expected: `a value in the environment variable ${name}`,
    });
    return undefined;
  }
  if (kind === 'file' && name !== '') {
    const file = path.resolve(sources.folder, name);
    const result = readTextFile(file, sources.readFile);
    if ('text' in result && result.text.trim() !== '') return result.text.replace(/\r?\n$/, '');
    const reason = 'text' in result ? 'is empty' : `can't be read: ${result.reason}`;
    problems.add(at, { found: `\${file:${name}}, which ${reason}`, expected: 'a file with the value' });
    return undefined;
  }
  const derive = kind === 'derived' ? sources.derived?.get(name) : undefined;
  if (derive !== undefined) {
    const text = derive(sources.readFile);
    if (typeof text === 'string') return text;
    problems.add(at, text);
    return undefined;
  }
  problems.add(at, { found: "a '${' that is no reference", expected: valueExpected });
  return undefined;
}

/** The text of a value that may be missing; undefined too when a reference in it can't be resolved. */
export function resolveOptional(
  value: string | undefined,
  at: Path,
  context: ReferenceContext,
): string | undefined {
  return value === undefined
    ? undefined
    : resolveReferences(value, at, context.sources, context.problems)?.text;
}

/** Like `resolveOptional`; a secret that stands in the file is allowed and warned about. */
export function resolveSecret(
  value: string | undefined,
  at: Path,
  context: ReferenceContext,
): string | undefined {
  if (value === undefined) return undefined;
  const resolved = resolveReferences(value, at, context.sources, context.problems);
  if (resolved !== undefined && !resolved.referenced) {
    context.problems.warn(
      at,
      `${String(at.at(-1))} stands in the file itself; better as \${env:NAME} or \${file:path}`,
    );
  }
  return resolved?.text;
}
