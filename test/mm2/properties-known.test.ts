// Every property that Kafka's own jars know is in our table: a new version's must not be ignored in silence.
import path from 'node:path';
import { expect, test } from 'vitest';
import { defaultKafkaVersion, installKafka } from '../../src/regions/index.ts';
import { type PropertyKind, rowOf } from '../../src/topology/mm2/properties-table.ts';
import { runChild } from '../support/child-output.ts';

const program = path.join(import.meta.dirname, 'java', 'ConfigNames.java');

/** Where a property of each of the jars' definitions may stand in our table. */
const kindsOf: Readonly<Record<string, readonly PropertyKind[]>> = {
  maker: ['process', 'security', 'flow'],
  connector: ['flow', 'security'],
  cluster: ['process', 'security', 'flow'],
  worker: ['worker', 'security', 'process', 'client', 'flow'],
  admin: ['client', 'security', 'process'],
  consumer: ['client', 'security', 'process'],
  producer: ['client', 'security', 'process'],
};

test('every name in the ConfigDefs of connect-mirror, Connect and the clients has a row', {
  timeout: 120_000,
}, async () => {
  const { java, classPath } = await installKafka({ version: defaultKafkaVersion });
  const done = await runChild(java, ['-cp', classPath, program], { timeoutMs: 90_000 });
  expect(done.stderr).toBe('');
  const names = done.stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => line.split('\t') as [string, string]);
  expect(new Set(names.map(([where]) => where))).toEqual(new Set(Object.keys(kindsOf)));
  expect(names.length).toBeGreaterThan(900);
  const unknown = names.filter(([where, name]) => rowOf(name, kindsOf[where]!) === undefined);
  expect(unknown).toEqual([]);
});
