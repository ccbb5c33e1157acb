// Kafka's message specs as they stand in the sources jar: JSON with // comments (MessageSpec, FieldSpec).

export interface SpecField {
  name: string;
  type: string;
  versions?: string;
  nullableVersions?: string;
  taggedVersions?: string;
  flexibleVersions?: string;
  tag?: number;
  default?: unknown;
  ignorable?: boolean;
  fields?: SpecField[];
}
export interface Spec {
  name: string;
  type: string;
  apiKey?: number;
  validVersions: string;
  flexibleVersions?: string;
  latestVersionUnstable?: boolean;
  commonStructs?: { name: string; versions: string; fields: SpecField[] }[];
  fields: SpecField[];
}

/** The last version of an open range such as 3+. */
export const open = 32767;
export const primitives = new Set([
  'bool',
  'int8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'float64',
  'uuid',
  'string',
  'bytes',
  'records',
]);

export function parseSpec(text: string): Spec {
  // Comments stand on their own lines or behind a value; no spec has // inside a string but in prose.
  const withoutComments = text.replace(
    /("(?:[^"\\\n]|\\.)*")|\/\/[^\n]*/g,
    (_match, literal?: string) => literal ?? '',
  );
  return JSON.parse(withoutComments) as Spec;
}

export function versionsOf(text: string | undefined): [number, number] {
  if (text === undefined || text === 'none') return [1, 0];
  const match = /^(\d+)(\+|-(\d+))?$/.exec(text);
  if (match === null) throw new Error(`versions ${text}`);
  const min = Number(match[1]);
  if (match[2] === undefined) return [min, min];
  return [min, match[3] === undefined ? open : Number(match[3])];
}

export function camel(name: string): string {
  return name[0]!.toLowerCase() + name.slice(1);
}

export function kebab(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1-$2')
    .toLowerCase();
}
