// The file of connect-mirror-maker.sh, run as it is between two real regions.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { startRun } from './run-command.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const folder = useTemporaryFolder();
const oracle = useOracle();
const deadlineMs = 90_000;

/** The sample that everyone copies, with the addresses of the regions. */
async function writeSample(name: string, more = '', lineEnd = '\n'): Promise<string> {
  const text = `clusters = us-east, eu-west
us-east.bootstrap.servers = ${regions['us-east'].bootstrap.join(',')}
eu-west.bootstrap.servers = ${regions['eu-west'].bootstrap.join(',')}
tasks.max = 4
topics = .*
groups = .*
${more}`;
  const file = path.join(folder.path, name);
  await writeFile(file, text.replaceAll('\n', lineEnd));
  return file;
}

async function beatsIn(region: 'us-east' | 'eu-west'): Promise<number> {
  const ends = await oracle.ends(regions[region], 'heartbeats');
  return ends.reduce((sum, { highWatermark }) => sum + highWatermark, 0);
}

test('the sample enables no flow: heartbeats go into each cluster, and the lines that start the flows are told', {
  timeout: 240_000,
}, async () => {
  await oracle.createTopics(regions['us-east'], [{ name: 'orders' }]);
  await oracle.workload(regions['us-east']).produce({
    producer: 'shop',
    records: Array.from({ length: 100 }, (_, index) => ({
      topic: 'orders',
      key: `k${index}`,
      value: `v${index}`,
    })),
  });
  const file = await writeSample('mm2.properties');
  await using agent = startRun(file);
  for (const region of ['us-east', 'eu-west'] as const) {
    await waitFor(async () => (await beatsIn(region)) > 2, {
      deadlineMs,
      describe: () => `heartbeats in ${region}; run said:\n${agent.told()}`,
    });
  }
  const told = agent.told();
  expect(told).toContain(`${file}:4: tasks.max: not needed: `);
  expect(told).toContain('\n  us-east->eu-west.enabled = true\n  eu-west->us-east.enabled = true\n');
  expect(await oracle.ends(regions['eu-west'], 'us-east.orders')).toEqual([]);
  expect(await agent.stop()).toBe(0);
});

test('with one flow enabled, behind Windows line ends, orders is copied to us-east.orders', {
  timeout: 240_000,
}, async () => {
  const more = 'us-east->eu-west.\\\n    enabled = true\nsync.group.offsets.enabled = true\n';
  const file = await writeSample('one-flow.properties', more, '\r\n');
  await using agent = startRun(file);
  await waitFor(async () => (await oracle.ends(regions['eu-west'], 'us-east.orders')).length > 0, {
    deadlineMs,
    describe: () => `us-east.orders in eu-west; run said:\n${agent.told()}`,
  });
  const sides = { source: regions['us-east'], destination: regions['eu-west'] };
  const same = { ...sides, topic: 'orders', destinationTopic: 'us-east.orders', waitMs: deadlineMs };
  expect(await oracle.expectSame(same)).toMatchObject({ records: 100, partitions: 1 });
  expect(agent.told()).toContain('these lines start them:\n  eu-west->us-east.enabled = true\n');
  expect(agent.told()).toContain('us-east-to-eu-west: from us-east to eu-west');

  const verified = await lockstepCommand('verify', file, '--topic', 'orders');
  expect(`${verified.stderr}${verified.stdout}`).toContain('orders');
  expect(verified.exitCode).toBe(0);
  expect(await agent.stop()).toBe(0);
  expect(await oracle.ends(regions['us-east'], 'eu-west.us-east.orders')).toEqual([]);
});

test('what is wrong is told at once, by line, and nothing is started', { timeout: 60_000 }, async () => {
  const more = 'us-east->eu-wst.enabled = true\ntopcs = orders\nus-east->eu-west.enabled = yes\n';
  const file = await writeSample('wrong.properties', more);
  const { exitCode, stderr } = await lockstepCommand('run', file);
  expect(exitCode).toBe(2);
  expect(stderr).toContain(`${file}:7:1: found the unknown cluster "eu-wst" in a flow`);
  expect(stderr).toContain(`${file}:8:1: found "topcs", which connect-mirror does not know`);
  expect(stderr).toContain(`${file}:9:28: found "yes", which Java reads as false or refuses`);
});

test('a flow that is disabled again goes on, and run says so with the command that holds it', {
  timeout: 240_000,
}, async () => {
  await using agent = startRun(
    await writeSample('disabled.properties', 'us-east->eu-west.enabled = false\n'),
  );
  const line = 'us-east-to-eu-west: is not in ';
  await waitFor(() => agent.told().includes(line), {
    deadlineMs,
    describe: () => `"${line}"; run said:\n${agent.told()}`,
  });
  expect(agent.told()).toMatch(
    /`lockstep mirrors pause --link us-east-to-eu-west --all --file \S+\.properties --cluster eu-west` holds it/,
  );
  expect(agent.told()).toContain('  us-east->eu-west.enabled = true   (instead of line 7)\n');
  expect(await agent.stop()).toBe(0);
});

test('--clusters runs what ends in one cluster', { timeout: 240_000 }, async () => {
  const file = await writeSample('clusters.properties');
  const before = await beatsIn('eu-west');
  await using agent = startRun(file, '--clusters', 'us-east');
  const start = await beatsIn('us-east');
  await waitFor(async () => (await beatsIn('us-east')) > start + 2, {
    deadlineMs,
    describe: () => `heartbeats in us-east; run said:\n${agent.told()}`,
  });
  expect(agent.told()).not.toContain('into eu-west');
  expect(await agent.stop()).toBe(0);
  expect(await beatsIn('eu-west')).toBe(before);
});
