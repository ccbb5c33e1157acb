// The destination of a command: from its options, a file of its own, or a lockstep.yaml.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { LockstepError } from '../../errors.ts';
import { Output } from '../output/output.ts';
import { destinationOf } from './destination.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'lockstep-destination-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const at = path.join(folder, name);
  writeFileSync(at, text);
  return at;
}

const clusters = 'clusters: {us: {bootstrap: ["u:1"]}, eu: {bootstrap: ["e:1"]}, asia: {bootstrap: ["a:1"]}}';
const toEurope = file(
  'one.yaml',
  `version: 1\n${clusters}\nlinks: {a: {source: us, destination: eu, topics: [x]}, b: {source: asia, destination: eu, topics: [y]}}\n`,
);
const toMany = file(
  'many.yaml',
  `version: 1\n${clusters}\nlinks: {a: {source: us, destination: eu, topics: [x]}, b: {source: us, destination: asia, topics: [x]}}\n`,
);
const noLinks = file('none.yaml', `version: 1\n${clusters}\n`);
const cluster = file(
  'eu.yaml',
  'bootstrap: ["eu-1:9093"]\nsasl: {mechanism: PLAIN, username: u, password: "${env:PW}"}\n',
);

async function destination(options: Parameters<typeof destinationOf>[0]) {
  let stderr = '';
  const stream = {
    write: (text: string) => {
      stderr += text;
      return true;
    },
  };
  const output = new Output({ stdout: stream, stderr: stream, environment: {} });
  const context = { output, signal: new AbortController().signal, environment: { PW: 'secret' } };
  try {
    return { config: await destinationOf(options, context), stderr };
  } catch (error) {
    if (error instanceof LockstepError) return { error: error.message, code: error.code };
    throw error;
  }
}

describe('a destination', () => {
  test('by its addresses', async () => {
    const { config } = await destination({ bootstrapServer: 'eu-1:9092, [::1]:9093' });
    expect(config).toEqual({
      name: 'destination',
      bootstrap: [
        { host: 'eu-1', port: 9092 },
        { host: '::1', port: 9093 },
      ],
    });
  });

  test('by a file of its own, whose addresses the option can replace', async () => {
    const { config, stderr } = await destination({ clusterConfig: cluster, bootstrapServer: 'eu-2:9093' });
    expect(config).toMatchObject({
      bootstrap: [{ host: 'eu-2', port: 9093 }],
      sasl: { password: 'secret' },
    });
    expect(stderr).toMatch(/eu\.yaml:2:.*PLAIN without tls.*\(warning\)/);
  });

  test('by a lockstep.yaml: the one that all links lead to, or the one that is named', async () => {
    expect(await destination({ file: toEurope })).toMatchObject({ config: { name: 'eu' } });
    expect(await destination({ file: toMany, cluster: 'asia' })).toMatchObject({ config: { name: 'asia' } });
  });

  test.each([
    [{}, /which destination\? Name it with --bootstrap-server/],
    [{ bootstrapServer: ' , ' }, /--bootstrap-server: expected host:port/],
    [{ bootstrapServer: 'eu' }, /found "eu" without a port/],
    [{ cluster: 'eu' }, /--cluster goes with --file/],
    [{ file: toEurope, bootstrapServer: 'eu:1' }, /--file goes without/],
    [{ file: toEurope, cluster: 'asai' }, /has no cluster asai; did you mean asia\?/],
    [{ file: toMany }, /which destination\? --cluster is one of eu, asia$/],
    [{ file: noLinks }, /which destination\? --cluster is one of us, eu, asia$/],
  ])('%j is told what is missing', async (options, message) => {
    expect(await destination(options)).toMatchObject({
      code: 'USAGE',
      error: expect.stringMatching(message),
    });
  });
});
