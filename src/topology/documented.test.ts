// The documents of lockstep.yaml stay true: the schema for editors, the reference, and its examples.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { jsonSchemaText } from './json-schema.ts';
import { parseTopology } from './load.ts';

const read = (file: string): string => readFileSync(new URL(`../../docs/${file}`, import.meta.url), 'utf8');
const pem = '-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n';

test('docs/lockstep.schema.json is what scripts/generate-schema.ts writes', () => {
  expect(read('lockstep.schema.json')).toBe(jsonSchemaText());
});

test('every key has a row in docs/lockstep-yaml.md, and every row is a key', () => {
  const keys = new Set<string>();
  collectKeys(JSON.parse(jsonSchemaText()), keys);
  const rows = new Set([...read('lockstep-yaml.md').matchAll(/^\| `(\w+)` +\|/gm)].map((match) => match[1]));
  expect([...rows].sort()).toEqual([...keys].sort());
});

test('every example in docs/lockstep-yaml.md loads as a whole file', () => {
  const examples = [...read('lockstep-yaml.md').matchAll(/```yaml\n([\s\S]*?)```/g)].map(
    (match) => match[1] ?? '',
  );
  expect(examples.length).toBeGreaterThan(3);
  const anything = new Proxy(
    {},
    {
      has: () => true,
      getOwnPropertyDescriptor: () => ({ value: 'kafka:9092', configurable: true }),
      get: () => 'kafka:9092',
    },
  );
  for (const example of examples) {
    const topology = parseTopology(example, 'example.yaml', {
      folder: '/',
      environment: anything,
      readFile: () => pem,
    });
    expect(Object.keys(topology.clusters).length).toBeGreaterThan(0);
  }
});

/** The names of all keys that have a fixed name. */
function collectKeys(schema: unknown, keys: Set<string>): void {
  if (typeof schema !== 'object' || schema === null) return;
  for (const [name, value] of Object.entries(schema)) {
    if (name === 'properties') for (const key of Object.keys(value as object)) keys.add(key);
    collectKeys(value, keys);
  }
}
