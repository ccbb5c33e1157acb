// The append rules on real brokers of both tested releases, and topics whose settings make a broker break one.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cluster, listTopics } from '../../src/client/index.ts';
import { runProbe, scratchTopicPrefix } from '../../src/mirror/index.ts';
import { probeRules } from '../../src/mirror/probe/index.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const regions = useRegions({
  'kafka-4': {},
  'kafka-3': { kafkaVersion: '3.9.2' },
});
const clusters = new Map<string, Cluster>();
beforeAll(async () => {
  for (const region of Object.values(regions)) {
    const bootstrap = region.brokers.map(({ host, port }) => ({ host, port }));
    clusters.set(region.name, await Cluster.connect({ name: region.name, bootstrap }));
  }
});
afterAll(() => {
  for (const cluster of clusters.values()) cluster.close();
});

async function scratchTopics(cluster: Cluster): Promise<string[]> {
  return [...(await listTopics(cluster)).keys()].filter((topic) => topic.startsWith(scratchTopicPrefix));
}

/** Brokers learn of a deletion a moment after the controller took it. */
async function expectNothingLeft(cluster: Cluster): Promise<void> {
  await waitFor(async () => (await scratchTopics(cluster)).length === 0, {
    deadlineMs: 30_000,
    describe: 'the scratch topic to be gone',
  });
}

describe.each(['kafka-4', 'kafka-3'])('%s', (name) => {
  test('holds every rule, shows its clock, and keeps no scratch topic', async () => {
    const cluster = clusters.get(name)!;
    const seenDuring: string[] = [];
    const report = await runProbe({
      cluster,
      onProgress: ({ done, total, rule }) => {
        expect(total).toBe(probeRules.length);
        seenDuring.push(`${done} ${rule}`);
      },
    });
    expect(report.results.filter((result) => result.mark !== 'held')).toEqual([]);
    expect(report.results.map((result) => result.id)).toEqual(probeRules.map((rule) => rule.id));
    expect(seenDuring).toHaveLength(probeRules.length);
    // The broker runs on this machine: its clock is ours.
    expect(Math.abs(report.clockDifferenceMs ?? Number.NaN)).toBeLessThan(1_000);
    expect(report.leftover).toBeNull();
    await expectNothingLeft(cluster);
  });

  test('a topic whose broker recompresses is found out', async () => {
    const cluster = clusters.get(name)!;
    const report = await runProbe({ cluster, topicSettings: { 'compression.type': 'zstd' } });
    expect(report.results.filter((result) => result.mark !== 'held')).toMatchObject([
      { id: 'stored-as-sent', mark: 'broken', seen: expect.stringContaining('(zstd)') },
    ]);
  });

  test('a topic that accepts no batch as large as ours breaks what appends it', async () => {
    const cluster = clusters.get(name)!;
    const report = await runProbe({ cluster, topicSettings: { 'max.message.bytes': '80' } });
    const broken = report.results.filter((result) => result.mark === 'broken');
    expect(broken).toContainEqual(
      expect.objectContaining({
        id: 'chosen-producer-id',
        seen: expect.stringContaining('10 MESSAGE_TOO_LARGE'),
      }),
    );
    // Markers are not measured by this limit, and refusals are judged by their own code.
    expect(report.results).toContainEqual(expect.objectContaining({ id: 'marker-grows-log', mark: 'held' }));
  });

  test('an interruption stops it and still removes the topic', async () => {
    const cluster = clusters.get(name)!;
    const interrupted = new AbortController();
    let topicsDuring: Promise<string[]> | undefined;
    const report = await runProbe({
      cluster,
      signal: interrupted.signal,
      onProgress: ({ done }) => {
        if (done !== 5) return;
        topicsDuring = scratchTopics(cluster);
        interrupted.abort();
      },
    });
    // The fault fired while the topic was there.
    expect((await topicsDuring)?.length).toBe(1);
    expect(report.results.slice(0, 5).every((result) => result.mark === 'held')).toBe(true);
    expect(report.results.slice(5).every((result) => result.mark === 'notTried')).toBe(true);
    expect(report.leftover).toBeNull();
    await expectNothingLeft(cluster);
  });
});
