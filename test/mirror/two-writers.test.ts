// Two agents on the same partitions on purpose, frozen (SIGSTOP), woken and killed at random while transactions flow.
// The product does not mean to run like this. What it promises even so: a mirror is identical, or its partition says
// that it is not and is written no further, also to an agent that is started afterwards. Never wrong in silence.
import { expect, test } from 'vitest';
import { useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { mirrorWithTwoAgents } from './two-agents.ts';

const folder = useTemporaryFolder();
const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
const oracle = useOracle();
const partitions = 4;
const faultsForMs = Number(process.env.LOCKSTEP_TWO_WRITERS_MS ?? 12_000);
const seed = Number(process.env.LOCKSTEP_TWO_WRITERS_SEED ?? 1);

test('a mirror of two agents is identical, or says that it is not', async () => {
  const { 'us-east': source, 'eu-west': destination } = regions;
  const { kills, freezes, written, compared, unread, wrong, toldAfterwards } = await mirrorWithTwoAgents({
    ...{ oracle, source, destination, folder: folder.path, partitions, seed, faultsForMs },
    plain: uniqueTopic('plain'),
    transactional: uniqueTopic('transactional'),
  });
  console.info(
    `two writers, seed ${seed}: ${kills} kills, ${freezes} freezes, ${written} records written, ${compared} compared, ${wrong.length} of ${2 * partitions} partitions stopped as no longer identical`,
  );
  expect(toldAfterwards).toEqual(wrong);
  expect(kills).toBeGreaterThan(0);
  expect(freezes).toBeGreaterThan(0);
  expect(written).toBeGreaterThan(500);
  expect(unread).toEqual([]);
});
