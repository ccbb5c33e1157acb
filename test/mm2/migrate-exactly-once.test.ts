// A MirrorMaker 2 with exactly.once.source.support, killed within a transaction: it ends with markers, and with records
// that were aborted; and one that goes on behind Lockstep by its own offsets.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import {
  deadlineMs,
  endsOf,
  type ListedRecord,
  Load,
  listLog,
  makeTopic,
  mm2Properties,
  startMirrorMaker,
  untilConnectIsEmpty,
} from './migrating.ts';
import { runText } from './reading-regions.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const folder = useTemporaryFolder();
const texts = (log: readonly ListedRecord[]): string[] => log.map(({ text }) => text);

test('MirrorMaker 2 that copies exactly once, then Lockstep, then MirrorMaker 2 again: each record once', async () => {
  const [east, west] = [regions['us-east'], regions['eu-west']];
  const [topic, remote] = ['orders', 'us-east.orders'];
  const file = path.join(folder.path, 'mm2.properties');
  const text = mm2Properties(east, west, [
    'topics = orders',
    'eu-west.exactly.once.source.support = enabled',
  ]);
  await writeFile(file, text);
  await makeTopic(east, topic, 1);
  await using load = await Load.to(east, topic, 1);
  load.start();
  {
    await using maker = await startMirrorMaker(file);
    await waitFor(async () => (await endsOf(west, remote, 1).catch(() => [0]))[0]! > 2_000, {
      ...{ deadlineMs, pollMs: 100 },
      describe: () => `MirrorMaker 2 to copy:\n${maker.told()}`,
    });
    await maker.kill();
  }
  await load.stop();
  await untilConnectIsEmpty(west, 'us-east-mm2');

  await waitFor(
    async () => {
      const { exitCode, stdout } = await lockstepCommand('migrate', file, '--yes');
      if (exitCode === 0) return true;
      expect(stdout).toContain('a transaction is open in the remote topic');
      return false;
    },
    {
      ...{ deadlineMs: 150_000, pollMs: 2_000 },
      describe: 'the transaction to end, and the topic to be taken',
    },
  );

  const source = async (): Promise<string[]> => texts(await listLog(east, topic, 0));
  const copy = async (): Promise<string[]> => texts(await listLog(west, remote, 0));
  {
    await using lockstep = await runText(folder.path, 'run.properties', text);
    await load.write(300);
    await waitFor(async () => (await copy()).length >= load.counts[0]!, {
      ...{ deadlineMs, pollMs: 300, describe: () => `Lockstep to go on:\n${lockstep.told()}` },
    });
    const verified = await lockstepCommand('verify', file, '--topic', topic);
    expect(verified).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('SHIFTED(') });
  }
  expect(await copy()).toEqual(await source());

  const back = await lockstepCommand('migrate', file, '--back', '--yes');
  expect(back).toMatchObject({ exitCode: 0 });
  {
    await using maker = await startMirrorMaker(file);
    await load.write(300);
    await waitFor(async () => (await copy()).length >= load.counts[0]!, {
      ...{ deadlineMs, pollMs: 300, describe: () => `MirrorMaker 2 to go on:\n${maker.told()}` },
    });
    await maker.stop();
  }
  expect(await copy()).toEqual(await source());
}, 600_000);
