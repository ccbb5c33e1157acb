// Values that stand elsewhere: `${provider:path:key}` with config.providers, as Kafka's ConfigTransformer looks them up.
//
//   config.providers = file,env,dir
//   config.providers.file.class = org.apache.kafka.common.config.provider.FileConfigProvider
//   us-east.sasl.jaas.config = ... password="${file:/opt/secrets.properties:us-east}";
//
// Kafka leaves a reference as it is when nothing is found; here that is a fault, with the place of the value. A value that
// was looked up keeps how (`renew`), so that replaced files are read again; it is never shown.
import path from 'node:path';
import { RE2JS } from 're2js';
import { type FileReader, readTextFile } from '../files.ts';
import type { Problem } from '../problems.ts';
import { readSecret } from './kubernetes-secrets.ts';
import { parseProperties } from './properties.ts';
import type { Around, PropertiesFile, Property } from './types.ts';

/** The value that a reference stands for, or why there is none. */
type LookUp = (place: { path: string; key: string }, readFile: FileReader) => string | Problem;

/** Reads a provider's parameters once. */
type MakeProvider = (parameter: (name: string) => Property | undefined, around: Around) => LookUp;

const kafka = 'org.apache.kafka.common.config.provider';
const makers: Readonly<Record<string, MakeProvider>> = {
  [`${kafka}.FileConfigProvider`]: fileProvider,
  [`${kafka}.DirectoryConfigProvider`]: directoryProvider,
  [`${kafka}.EnvVarConfigProvider`]: environmentProvider,
  'io.strimzi.kafka.EnvVarConfigProvider': environmentProvider,
  'io.strimzi.kafka.KubernetesSecretConfigProvider': secretProvider,
};

/** As org.apache.kafka.common.config.ConfigTransformer has it. */
const referencePattern = /\$\{([^}]*?):(?:([^}]*?):)?([^}]*?)\}/g;
const settings = 'config.providers';

/** The file with its references replaced; faults go to the reporter, and the values they are in stay as they are. */
export function resolveProviders(file: PropertiesFile, around: Around): PropertiesFile {
  const providers = readProviders(file, around);
  const resolve = (property: Property): Property => {
    const { key, value } = property;
    if (key.startsWith(settings) || property.isReferenced === true) return property;
    if (!value.includes('${') || value.search(referencePattern) < 0) return property;
    const renew = (readFile: FileReader): string | Problem => replaceAll(value, providers, readFile);
    const text = renew(around.readFile);
    if (typeof text === 'string') return { ...property, value: text, isReferenced: true, renew };
    // A key that is repeated has its faults told for the one that counts.
    if (file.byKey.get(key) === property) around.reporter.fault(property, text);
    return { ...property, isReferenced: true };
  };
  const all = file.all.map(resolve);
  const resolved = new Map(file.all.map((property, index) => [property, all[index]!]));
  const byKey = new Map([...file.byKey].map(([key, property]) => [key, resolved.get(property)!]));
  return { file: file.file, all, byKey };
}

function replaceAll(
  value: string,
  providers: ReadonlyMap<string, LookUp>,
  readFile: FileReader,
): string | Problem {
  let fault: Problem | undefined;
  const text = value.replace(
    referencePattern,
    (_whole, name: string, where: string | undefined, key: string) => {
      const lookUp = providers.get(name);
      const found =
        lookUp === undefined ? unknownProvider(name) : lookUp({ path: where ?? '', key }, readFile);
      if (typeof found === 'string') return found;
      fault ??= found;
      return '';
    },
  );
  return fault ?? text;
}

function unknownProvider(name: string): Problem {
  // What stands before the colon may be a part of a password that only looks like a reference.
  const shown = /^[A-Za-z][A-Za-z0-9_-]{0,30}$/.test(name) ? name : 'NAME';
  return {
    found: `\${...} of a provider that ${settings} does not name`,
    expected: `${settings} = ${shown} and ${settings}.${shown}.class, such as ${kafka}.FileConfigProvider`,
  };
}

function readProviders(file: PropertiesFile, around: Around): Map<string, LookUp> {
  const providers = new Map<string, LookUp>();
  const list = file.byKey.get(settings);
  for (const name of (list?.value ?? '').split(',').map((part) => part.trim())) {
    if (name === '' || list === undefined) continue;
    const className = file.byKey.get(`${settings}.${name}.class`);
    const make = className === undefined ? undefined : makers[className.value.trim()];
    if (make !== undefined) {
      const parameter = (key: string) => file.byKey.get(`${settings}.${name}.param.${key}`);
      providers.set(name, make(parameter, around));
      continue;
    }
    const expected = `one of ${Object.keys(makers).join(', ')}; values of another provider are written into a file that ${kafka}.FileConfigProvider reads`;
    if (className === undefined) {
      around.reporter.fault(list, {
        found: `the provider ${name} without ${settings}.${name}.class`,
        expected: `a line with ${settings}.${name}.class: ${expected}`,
      });
    } else {
      around.reporter.fault(className, {
        found: `the provider class ${className.value}, which Lockstep does not know`,
        expected,
      });
    }
    // Its references are not told a second time.
    providers.set(name, () => '');
  }
  return providers;
}

/** `${file:/a/file.properties:key}`: a file of properties, in UTF-8. */
function fileProvider(parameter: (name: string) => Property | undefined, around: Around): LookUp {
  const isAllowed = allowedPaths(parameter('allowed.paths'), around);
  return ({ path: where, key }, readFile) => {
    if (where === '')
      return { found: `\${...:${key}} without a file`, expected: '${file:/path/file.properties:key}' };
    const refusal = isAllowed(where);
    if (refusal !== null) return refusal;
    const read = readTextFile(path.resolve(around.folder, where), readFile);
    if ('reason' in read) {
      return {
        found: `the file ${where}, which can't be read (${read.reason})`,
        expected: `a file of properties with ${key}`,
      };
    }
    const value = valueIn(read.text, where, key);
    if (value !== undefined) return value;
    return { found: `the file ${where} without the key ${key}`, expected: `a line ${key}=... in it` };
  };
}

function valueIn(text: string, file: string, key: string): string | undefined {
  const escaped = text.replace(/[\u0080-\uffff]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  // A malformed file has no properties: what is wrong with it may be a secret's line.
  const parsed = parseProperties(Buffer.from(escaped, 'latin1'), file, {
    faultAt: () => {},
    warnAt: () => {},
  });
  return parsed?.byKey.get(key)?.value;
}

/** `${directory:/a/folder:name}`: the whole content of a file. */
function directoryProvider(parameter: (name: string) => Property | undefined, around: Around): LookUp {
  const isAllowed = allowedPaths(parameter('allowed.paths'), around);
  return ({ path: where, key }, readFile) => {
    if (where === '')
      return { found: `\${...:${key}} without a folder`, expected: '${directory:/path:file}' };
    const refusal = isAllowed(where);
    if (refusal !== null) return refusal;
    if (key === '' || key.includes('/') || key === '..') {
      return { found: `a name of a file in ${where} that is none`, expected: '${directory:/path:file}' };
    }
    const read = readTextFile(path.resolve(around.folder, where, key), readFile);
    if ('text' in read) return read.text;
    return {
      found: `the file ${path.join(where, key)}, which can't be read (${read.reason})`,
      expected: 'a file with the value',
    };
  };
}

/** `${env:NAME}`: a variable of the environment. */
function environmentProvider(parameter: (name: string) => Property | undefined, around: Around): LookUp {
  const allowed = parameter('allowlist.pattern');
  let pattern: ReturnType<typeof RE2JS.compile> | null = null;
  try {
    if (allowed !== undefined) pattern = RE2JS.compile(allowed.value);
  } catch {
    around.reporter.fault(allowed!, {
      found: 'a pattern that is no regular expression',
      expected: 'one such as MM2_.*',
    });
  }
  return ({ path: where, key }) => {
    if (where !== '') return { found: `\${...:${where}:${key}} with a path`, expected: `\${env:${key}}` };
    if (pattern !== null && !pattern.matches(key)) {
      return {
        found: `the variable ${key}, which allowlist.pattern of its provider does not allow`,
        expected: 'an allowed one',
      };
    }
    const value = Object.hasOwn(around.environment, key) ? around.environment[key] : undefined;
    if (value !== undefined) return value;
    return {
      found: `the variable ${key}, which is not set`,
      expected: `a value in the environment variable ${key}`,
    };
  };
}

/** `${secrets:namespace/name:key}`: a Kubernetes secret, which is read where it is mounted, whatever its namespace. */
function secretProvider(_parameter: unknown, around: Around): LookUp {
  return ({ path: where, key }, readFile) =>
    readSecret({ name: where.split('/').at(-1) ?? '', key }, around, readFile);
}

/** Why a path may not be read; null when it may (org.apache.kafka.common.config.internals.AllowedPaths). */
function allowedPaths(
  property: Property | undefined,
  { reporter }: Around,
): (where: string) => Problem | null {
  if (property === undefined || property.value === '') return () => null;
  const allowed = property.value.split(',').map((part) => path.normalize(part).replace(/(.)\/$/, '$1'));
  for (const part of allowed.filter((candidate) => !path.isAbsolute(candidate))) {
    reporter.fault(property, {
      found: `the path ${part}, which is not absolute`,
      expected: 'paths that begin with /',
    });
  }
  return (where) => {
    const normal = path.normalize(where);
    const isBelow = (parent: string) =>
      normal === parent || normal.startsWith(parent.endsWith('/') ? parent : `${parent}/`);
    if (allowed.some(isBelow)) return null;
    return {
      found: `the path ${where}, which allowed.paths of its provider does not allow`,
      expected: 'an allowed one',
    };
  };
}
