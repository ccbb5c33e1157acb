// The states in the code, the sentences that people read, and docs/states.md say the same.
import { readFileSync } from 'node:fs';
import { expect, it, test } from 'vitest';
import { type Place, wayOut, waysOut } from './ways-out.ts';

const read = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8');
const sources = ['state.ts', 'plan.ts', '../shell/shown-state.ts'].map(read).join('\n');
const page = read('../../../docs/states.md');

/** State names stand as `name: 'X'` in PartitionState and as members of the unions of names. */
function namesInCode(): string[] {
  const unions = [...sources.matchAll(/export type (?:StopKind|ObstacleKind|WaitingState) =([^;]*);/g)].map(
    (match) => match[1]!,
  );
  const members = unions.flatMap((union) => [...union.matchAll(/'(\w+)'/g)].map((match) => match[1]!));
  const variants = [...sources.matchAll(/readonly name: '(\w+)'/g)].map((match) => match[1]!);
  return [...new Set([...members, ...variants])].sort();
}

/** The cells of each row of the tables whose first column is called `state`. */
function rowsOfStates(): Map<string, string[]> {
  const tables = page
    .split(/\n(?!\|)/)
    .filter((block) => block.includes('\n| state ') || block.startsWith('| state '));
  const rows = tables.flatMap((table) =>
    table
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .slice(2)
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((text) => text.trim()),
      ),
  );
  return new Map(rows.map(([state, ...cells]) => [state!, cells]));
}

/** The words in capitals of the page. */
const place = {
  link: 'LINK',
  topic: 'TOPIC',
  mirror: 'MIRROR',
  partition: 'PARTITION' as unknown as number,
  file: 'FILE',
  source: 'SOURCE',
  destination: 'DESTINATION',
} satisfies Place;

it('has a row in docs/states.md for every state, and no other', () => {
  expect([...rowsOfStates().keys()].sort()).toEqual(namesInCode());
});

test.each(namesInCode())('%s has a cause, what Lockstep does, and what is printed', (state) => {
  const [cause, itself, person] = rowsOfStates().get(state)!;
  expect(cause).not.toBe('');
  expect(itself).not.toBe('');
  expect(person?.replaceAll('`', '')).toBe(wayOut(state, place) ?? 'Nothing has to be done.');
});

it('has no way out for a state that is not there', () => {
  expect(namesInCode()).toEqual(expect.arrayContaining(Object.keys(waysOut)));
});

it('has every state in the picture', () => {
  const picture = /```mermaid\n([\s\S]*?)```/.exec(page)![1]!;
  expect(namesInCode().filter((name) => !new RegExp(`\\b${name}\\b`).test(picture))).toEqual([]);
});
