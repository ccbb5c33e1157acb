import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const sources = ['state.ts', 'plan.ts']
  .map((file) => readFileSync(new URL(file, import.meta.url), 'utf8'))
  .join('\n');
const page = readFileSync(new URL('../../../docs/states.md', import.meta.url), 'utf8');

/** State names stand as `name: 'X'` in PartitionState and as members of StopKind and ObstacleKind. */
function namesInCode(): string[] {
  const unions = [...sources.matchAll(/export type (?:StopKind|ObstacleKind) =([^;]*);/g)].map(
    (match) => match[1]!,
  );
  const members = unions.flatMap((union) => [...union.matchAll(/'(\w+)'/g)].map((match) => match[1]!));
  const variants = [...sources.matchAll(/readonly name: '(\w+)'/g)].map((match) => match[1]!);
  return [...new Set([...members, ...variants])].sort();
}

it('has a row in docs/states.md for every state, and no other', () => {
  const rows = [...page.matchAll(/^\| (\w+) +\|/gm)]
    .map((match) => match[1]!)
    .filter((name) => name !== 'state');
  expect(rows.sort()).toEqual(namesInCode());
});
