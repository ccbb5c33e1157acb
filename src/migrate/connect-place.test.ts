// Which offsets topic and group a file of MirrorMaker 2 names.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectPlace } from './connect-place.ts';

const link = { source: 'east', destination: 'west', mirrorMaker: null };
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'connect-place-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function placeIn(...lines: string[]) {
  const file = path.join(folder, 'mm2.properties');
  await writeFile(file, lines.join('\n'));
  const { offsetsTopic, group } = await connectPlace(file, link, {});
  return [offsetsTopic, group];
}

test.each([
  [[], ['mm2-offsets.east.internal', 'east-mm2']],
  [
    ['west.offset.storage.topic=own', 'west.group.id=workers'],
    ['own', 'workers'],
  ],
  [
    ['east.offset.storage.topic=other', 'group.id=nobody'],
    ['mm2-offsets.east.internal', 'east-mm2'],
  ],
  // MirrorMakerConfig.workerConfig puts those at the top over those of the cluster.
  [
    ['west.offset.storage.topic=own', 'offset.storage.topic=top'],
    ['top', 'east-mm2'],
  ],
])('%j', async (lines, wanted) => {
  expect(await placeIn(...lines)).toEqual(wanted);
});

test('a name behind a config provider is asked for, by its own key', async () => {
  await expect(placeIn('west.offset.storage.topic=${file:/x:y}')).rejects.toThrow(
    /west\.offset\.storage\.topic stands behind a config provider; name it: --offsets-topic/,
  );
});

test('workers of a manifest have other names, which have to be said: else they seem to be stopped', async () => {
  const file = path.join(folder, 'mm2.yaml');
  await writeFile(file, 'apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaMirrorMaker2\n');
  await expect(connectPlace(file, link, {})).rejects.toThrow(/--connect-group \(mirrormaker2-cluster/);
  expect(await connectPlace(file, link, { group: 'mirrormaker2-cluster' })).toMatchObject({
    group: 'mirrormaker2-cluster',
  });
  await writeFile(file, 'links: []\n');
  expect(await connectPlace(file, link, {})).toMatchObject({ group: 'east-mm2' });
});
