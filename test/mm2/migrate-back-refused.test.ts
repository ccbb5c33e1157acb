// A mirror into which somebody wrote between two of our batches ends too high: what MirrorMaker 2 would be told by that end
// would make it leave records out.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { copyAs, deadlineMs, endsOf, Load, makeTopic, mm2Properties } from './migrating.ts';
import { runText } from './reading-regions.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const folder = useTemporaryFolder();

test('a late task of MirrorMaker 2 wrote between our batches: --back tells Connect nothing of that topic', async () => {
  const [east, west] = [regions['us-east'], regions['eu-west']];
  const [topic, remote] = ['orders', 'us-east.orders'];
  await makeTopic(east, topic, 1);
  await makeTopic(west, remote, 1);
  await makeTopic(west, 'mm2-offsets.us-east.internal', 1);
  await using load = await Load.to(east, topic, 1);
  for (let batch = 0; batch < 10; batch++) await load.write(10);
  const upTo = (end: number, from = 0) => Array.from({ length: end - from }, (_, i) => from + i);
  await copyAs({ from: east, topic, to: west, remote, offsets: upTo(50), more: [] });
  const file = path.join(folder.path, 'mm2.properties');
  const text = mm2Properties(east, west, [`topics = ${topic}`]);
  await writeFile(file, text);
  expect(await lockstepCommand('migrate', file, '--yes')).toMatchObject({ exitCode: 0 });
  const ended = (end: number) => async () => (await endsOf(west, remote, 1))[0] === end;
  {
    await using lockstep = await runText(folder.path, 'run.properties', text);
    const describe = () => lockstep.told();
    await waitFor(ended(100), { deadlineMs, describe });
    await copyAs({ from: east, topic, to: west, remote, offsets: upTo(45, 40), more: [] });
    await load.write(10);
    await waitFor(() => lockstep.partitions().some(({ state }) => state === 'Diverged'), {
      ...{ deadlineMs, describe },
    });
    expect(await endsOf(west, remote, 1)).toEqual([115]);
  }
  const back = await lockstepCommand('migrate', file, '--back', '--yes');
  expect(back).toMatchObject({
    exitCode: 1,
    stdout: expect.stringContaining('somebody else wrote to the mirror'),
  });
  // Nothing was closed, and nothing told.
  expect(await endsOf(west, remote, 1)).toEqual([115]);
  expect(await endsOf(west, 'mm2-offsets.us-east.internal', 1)).toEqual([0]);
});
