// The verifier while producers write, a copy lags, or a broker is gone; and its watch, which never ends by itself.

import { beforeAll, describe, expect, it } from 'vitest';
import { Output } from '../../src/cli/output/output.ts';
import { runProgram } from '../../src/cli/program.ts';
import type { Cluster } from '../../src/client/index.ts';
import { encodeBatch } from '../../src/records/index.ts';
import { waitFor } from '../support/wait-for.ts';
import { corruptions, plainRecords } from './corruptions.ts';
import { append, batchesOf } from './kafka-copy.ts';
import { useVerifiedPair } from './verified-pair.ts';

const pair = useVerifiedPair();
const { regions, verify, copied, topologyFile } = pair;
let source: Cluster;
let destination: Cluster;
beforeAll(() => {
  ({ source, destination } = pair);
});

describe('a watch', () => {
  it('follows producers, keeps digests, and ends with 0; with 1 once a copy went wrong', async () => {
    const topic = await copied('watched', (batches) => batches);
    const other = await copied('watched', (batches) => batches);
    const file = await topologyFile('watch.yaml', [topic, other], '');
    const stopping = new AbortController();
    let printed = '';
    const stdout = {
      write: (text: string) => {
        printed += text;
        return true;
      },
    };
    const output = new Output({ stdout, stderr: { write: () => true }, environment: {} });
    const run = (...args: string[]) =>
      runProgram(['verify', file, '--watch', '--json', '--every', '0.1', ...args], {
        output,
        signal: stopping.signal,
        environment: {},
      });
    const rounds = () =>
      printed
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line));
    const running = run();
    const seen = (what: string, test: (round: ReturnType<typeof rounds>[number]) => boolean) =>
      waitFor(() => rounds().find(test), { deadlineMs: 20_000, describe: what });
    await seen('the first pass', ({ outcome, records }) => outcome === 'identical' && records === 48);
    await append(source, topic, [encodeBatch(plainRecords(3, 24n))]);
    await seen('the lag', ({ partitions }) => partitions[0].lagOffsets === 3);
    await append(destination, topic, [encodeBatch(plainRecords(3, 24n), { compression: 'gzip' })]);
    const round = await seen('the new records', ({ partitions }) => partitions[0].digest.records === 3);
    expect(round.partitions[0]).toMatchObject({ outcome: 'identical', comparedTo: 27, digest: { from: 24 } });
    expect(round.partitions[0].digest.source).toBe(round.partitions[0].digest.destination);

    await append(source, other, [encodeBatch(plainRecords(2, 24n))]);
    await append(destination, other, [encodeBatch(corruptions[1]!.apply(plainRecords(2, 24n), 1))]);
    const bad = await seen('the wrong copy', ({ outcome }) => outcome === 'different');
    expect(bad.partitions[1].differences).toEqual([{ kind: 'value', offset: 25 }]);
    stopping.abort();
    expect(await running).toBe(1);
    expect(printed).not.toMatch(/value \d|key \d/);
  });
});

describe('while something happens', () => {
  it('a copy that lags is waited for', async () => {
    const topic = await copied('lagging', (batches) => batches.slice(0, 1));
    const rest = (await batchesOf(source, topic)).slice(1);
    // The rest is appended only once the verifier has seen that the copy is behind.
    let appending: Promise<void> | null = null;
    const onProgress = () => {
      appending ??= append(destination, topic, rest);
    };
    const [verdict] = await verify(topic, { waitMsMax: 30_000, onProgress });
    await appending;
    expect(verdict).toMatchObject({ outcome: 'identical', destination: { end: 8n }, compared: { end: 24n } });
  });

  it('a producer that keeps writing does not make it endless: it ends where the source ended', async () => {
    const topic = await copied('flowing', (batches) => batches);
    let ended = false;
    let next = 24n;
    const writing = (async () => {
      while (!ended) {
        await append(source, topic, [encodeBatch(plainRecords(2, next))]);
        await append(destination, topic, [encodeBatch(plainRecords(2, next))]);
        next += 2n;
      }
    })();
    for (let round = 0; round < 5; round++) {
      const [verdict] = await verify(topic, { waitMsMax: 30_000 });
      expect(verdict).toMatchObject({ outcome: 'identical' });
      expect(verdict!.compared.end).toBeLessThanOrEqual(next + 2n);
    }
    ended = true;
    await writing;
    expect(next).toBeGreaterThan(26n);
  });

  it('a broker that is killed and comes back is waited for', async () => {
    const topic = await copied('killed', (batches) => batches);
    const [broker] = regions['eu-west'].brokers;
    await broker!.kill();
    expect(broker!.isRunning).toBe(false);
    const seen: string[] = [];
    const verifying = verify(topic, { onVerdict: ({ outcome }) => seen.push(outcome) });
    expect(seen).toEqual([]);
    await broker!.start();
    expect((await verifying)[0]).toMatchObject({ outcome: 'identical', compared: { records: 24n } });
  });
});
