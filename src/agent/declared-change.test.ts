import { describe, expect, test } from 'vitest';
import type { LinkRecord } from '../control/index.ts';
import type { LinkConfig } from '../topology/index.ts';
import { canGoOn, type Declared, isSameDeclaration } from './declared-change.ts';

const record = {
  ...{ name: 'us-to-eu', generation: 3, createdAtMs: 100, destination: 'eu' },
  source: { name: 'us', bootstrap: ['us:9092'] },
} as unknown as LinkRecord;
const config = {
  topics: ['orders'],
  bytesPerSecondMax: undefined,
  holes: 'markers',
} as unknown as LinkConfig;

describe('a declaration', () => {
  test('is the same while nobody declares the link again', () => {
    expect(isSameDeclaration(record, { ...record, source: { ...record.source } })).toBe(true);
    expect(isSameDeclaration(record, { ...record, generation: 4 })).toBe(false);
  });
  test('is another one where the link was deleted meanwhile, although its generation is the same', () => {
    expect(isSameDeclaration(record, { ...record, createdAtMs: 200 })).toBe(false);
  });
});

describe('a running link', () => {
  const goesOn = (changes: { record?: object; config?: object }) =>
    canGoOn({ record, config }, {
      record: { ...record, ...changes.record },
      config: { ...config, ...changes.config },
    } as Declared);
  test('takes over other topics and another limit', () => {
    expect(goesOn({ config: { topics: ['bills'], bytesPerSecondMax: 5 } })).toBe(true);
  });
  test('begins anew where it is to write otherwise', () => {
    expect(goesOn({ config: { holes: 'transactions' } })).toBe(false);
  });
  test('begins anew at another source', () => {
    expect(goesOn({ record: { source: { name: 'us', bootstrap: ['us-2:9092'] } } })).toBe(false);
  });
  test('goes on where something is left out that was not set', () => {
    expect(canGoOn({ record, config }, { record, config: { ...config, note: null } as never })).toBe(true);
  });
});
