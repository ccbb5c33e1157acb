// One cluster in a file of its own: read as an entry of lockstep.yaml is, and kept free of secrets.
import { describe, expect, test } from 'vitest';
import { LockstepError } from '../errors.ts';
import { readClusterFile } from './cluster-file.ts';

function read(text: string, bootstrap?: readonly string[]) {
  return readClusterFile('us.yaml', {
    name: 'us',
    ...(bootstrap && { bootstrap }),
    readFile: () => text,
  });
}

function problemsOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof LockstepError) return `${error.code}\n${error.message}`;
    throw error;
  }
  return 'none';
}

const scram = (password: string) =>
  `bootstrap: [us-1:9093]\nsasl:\n  mechanism: SCRAM-SHA-512\n  username: link\n  password: ${password}\n`;

describe('a cluster in a file of its own', () => {
  test('is resolved as an entry of lockstep.yaml', () => {
    const { config } = read(scram('"${env:PASSWORD}"')).resolve({ PASSWORD: 'secret' });
    expect(config).toMatchObject({
      name: 'us',
      bootstrap: [{ host: 'us-1', port: 9093 }],
      sasl: { mechanism: 'SCRAM-SHA-512', username: 'link', password: 'secret' },
    });
  });

  test('takes addresses that were given beside it', () => {
    const { entry } = read('bootstrap: [old:1]\nclientId: x\n', ['new:2']);
    expect(entry).toEqual({ bootstrap: ['new:2'], clientId: 'x' });
    expect(read('', ['new:2']).entry).toEqual({ bootstrap: ['new:2'] });
  });

  test('keeps references as they are', () => {
    expect(read(scram('"${file:/run/secrets/us}"')).entry.sasl).toMatchObject({
      password: '${file:/run/secrets/us}',
    });
  });

  test.each([
    [
      'bootstrap: [us:1]\nsals: {}\n',
      /^CONFIG_INVALID\nus\.yaml:2:1: found the unknown key sals.*did you mean sasl\?$/,
    ],
    ['clientId: x\n', /us\.yaml:1:1: found no bootstrap/],
    ['- x\n', /us\.yaml:1:1: found a list, expected a mapping with bootstrap/],
    ['a: [\n', /^CONFIG_INVALID\nus\.yaml:/],
  ])('%j is told with its place', (text, expected) => {
    expect(problemsOf(() => read(text))).toMatch(expected);
  });
});

describe('secrets in it', () => {
  test.each(['hunter2', '"$${env:PASSWORD}"'])('%s is refused, with its place and the remedy', (password) => {
    const told = problemsOf(() => read(scram(password)).refuseSecrets());
    expect(told).toMatch(
      /^CONFIG_INVALID\nus\.yaml:5:13: found sasl\.password itself \(not shown\).* \$\{file:path\} or \$\{env:NAME\}$/,
    );
    expect(told).not.toContain('hunter2');
  });

  test('references are none', () => {
    expect(problemsOf(() => read(scram('"${env:PASSWORD}"')).refuseSecrets())).toBe('none');
  });
});
