// A link with a limit in bytes a second, on real sockets: what passes a proxy in front of the source, over all agents of a
// fleet, stays below it; live topics go on while a backlog waits; people are told why; the limit can be altered.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type ProxiedRegion, startProxiedRegion } from '../../scripts/soak/regions.ts';
import { type Fleet, openFleet } from '../agent/running-fleet.ts';
import { kcatConsume, kcatProduce } from '../support/kcat.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { useOracle } from '../support/read-committed-oracle.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const bytesPerSecondMax = 128 * 1024;
/** More than three minutes' worth: however slow the machine is, it is not there before the limit is lifted. */
const backlogBytes = 24 * 1024 * 1024;
const recordBytes = 16 * 1024;
/** Each is worth seconds of an agent's part of the limit, comes whole, and is paid for afterwards. */
const recordsPerBatch = 16;
/** Metadata, offsets and other questions beside fetches, with some to spare. */
const chatterBytes = 256 * 1024;
const deadlineMs = 90_000;

const folder = useTemporaryFolder();
const regions = useRegions({ 'eu-west': {} });
let source: ProxiedRegion;
beforeAll(async () => {
  source = await startProxiedRegion({
    ...{ name: 'us-east', folder: folder.path, brokers: 1, brokerConfig: {}, random: Math.random },
  });
});
afterAll(() => source?.[Symbol.asyncDispose]());
// Ends before the source does.
const oracle = useOracle();

const command = (...args: string[]) =>
  lockstepCommand(...args, '--bootstrap-server', regions['eu-west'].bootstrap.join(','));

/** Of the backlog's partitions. */
function lagOf(fleet: Fleet, topic: string): bigint {
  const told = [...fleet.state.statuses].filter(([key]) => key.startsWith(`us-to-eu/${topic}/`));
  return told.reduce((sum, [, { lagRecords }]) => sum + BigInt(lagRecords ?? 0), 0n);
}

test('two agents of a link read no faster than its limit allows', { timeout: 400_000 }, async () => {
  const destination = regions['eu-west'];
  await oracle.createTopics(source.region, [
    { name: 'backlog', partitions: 4 },
    { name: 'live', partitions: 1 },
  ]);
  const { bootstrap } = source.region;
  for (let sent = 0; sent < backlogBytes; sent += 4 * recordsPerBatch * recordBytes) {
    const messages = Array.from({ length: 4 * recordsPerBatch }, (_none, index) => ({
      ...{ partition: index % 4, value: randomBytes(recordBytes) },
    }));
    await platformaticProduce({ bootstrap, topic: 'backlog', messages });
  }
  await kcatProduce({ bootstrap, topic: 'live', records: [{ key: 'k', value: 'first' }] });

  await using fleet = await openFleet(destination);
  const first = await fleet.start('a');
  const second = await fleet.start('b');
  const [proxy] = source.proxies;
  const readBefore = proxy!.counts.bytesDown;
  const created = await command(
    ...['links', 'create', 'us-to-eu', '--topics', 'backlog,live', '--source', 'us-east'],
    ...['--source-bootstrap', source.bootstrap.join(','), '--set', `bytesPerSecondMax=${bytesPerSecondMax}`],
  );
  expect(created).toMatchObject({ exitCode: 0 });

  await waitFor(() => proxy!.counts.bytesDown - readBefore > 64 * 1024, {
    ...{ deadlineMs, pollMs: 10, describe: 'the first records of the backlog' },
  });
  const beganMs = performance.now();
  /** By bytes that have passed the proxy; a second's worth may come at once, and at each agent a batch before it is paid for. */
  let excessBytes = Number.NEGATIVE_INFINITY;
  const measure = (): void => {
    const seconds = (performance.now() - beganMs) / 1_000;
    const allowed = bytesPerSecondMax * (seconds + 1) + 2 * recordsPerBatch * recordBytes + chatterBytes;
    excessBytes = Math.max(excessBytes, proxy!.counts.bytesDown - readBefore - allowed);
  };
  const measuring = setInterval(measure, 20);
  onTestFinished(() => clearInterval(measuring));
  await waitFor(
    async () => /held back +\d partition/.test((await command('links', 'describe', 'us-to-eu')).stdout),
    { deadlineMs, describe: 'links describe to say what is held back' },
  );
  await fleet.reaches('the live topic', (state) => state.statuses.get('us-to-eu/live/0')?.mirrorEnd === '1');
  const described = await command('mirrors', 'describe', '--link', 'us-to-eu', 'backlog');
  expect(described.stdout).toContain('held back by the limit of the link: bytesPerSecondMax is 128.0 KiB/s');

  // Together the agents have the whole limit, by partitions.
  const shares = [first, second].map(({ agent }) => agent.view().links[0]!);
  expect(shares.map(({ reading }) => reading!.allowance!.share)).toEqual(
    shares.map(({ partitions }) => partitions.length / 5),
  );

  // What is written now is there while the backlog still waits.
  for (let index = 1; index <= 5; index++) {
    await kcatProduce({ bootstrap, topic: 'live', records: [{ key: 'k', value: `live ${index}` }] });
    await waitFor(
      async () => {
        const [mirror] = await oracle.ends(destination, 'live');
        return mirror!.highWatermark === index + 1;
      },
      { deadlineMs, describe: `live record ${index}` },
    );
  }
  expect(lagOf(fleet, 'backlog')).toBeGreaterThan(0n);

  // One agent goes: what it had is the other's, with its part of the limit.
  await second.stop();
  await waitFor(
    () => {
      const { reading, partitions } = first.agent.view().links[0]!;
      return partitions.length === 5 && reading?.allowance?.share === 1;
    },
    { deadlineMs, describe: 'the whole limit to be the first agent’s' },
  );
  expect(lagOf(fleet, 'backlog')).toBeGreaterThan(0n);
  clearInterval(measuring);
  expect(excessBytes).toBeLessThan(0);

  const altered = await command('links', 'alter', 'us-to-eu', '--set', 'bytesPerSecondMax=67108864');
  expect(altered).toMatchObject({ exitCode: 0 });
  await fleet.reaches(
    'the backlog',
    (state) =>
      lagOf(fleet, 'backlog') === 0n && [...state.statuses.values()].every(({ isHeldBack }) => !isHeldBack),
  );
  const [original, mirror] = await Promise.all(
    [source.region, destination].map((region) => kcatConsume({ bootstrap: region.bootstrap, topic: 'live' })),
  );
  expect(mirror).toEqual(original);
  await oracle.expectSame({ source: source.region, destination, topic: 'backlog' });
  expect((await command('links', 'describe', 'us-to-eu')).stdout).not.toContain('held back');
});
