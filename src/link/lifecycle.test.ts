import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { allowedEvents, type MirrorState, mirrorStates, nextMirrorState } from './lifecycle.ts';

const states = Object.keys(mirrorStates) as MirrorState[];
const page = readFileSync(new URL('../../docs/fleet.md', import.meta.url), 'utf8');

test('the drawing in docs/fleet.md has every transition, and no other', () => {
  const drawn = Array.from(page.matchAll(/^ {4}(\w+) --> (\w+): (\w+)$/gm), ([, from, to, event]) => [
    from,
    event,
    to,
  ]);
  const table = states.flatMap((from) =>
    allowedEvents(from).map((event) => [from, event, nextMirrorState(from, event)!]),
  );
  expect(drawn.map(String).sort()).toEqual(table.map(String).sort());
});

test('its table says what each state means', () => {
  for (const state of states) expect(page).toContain(`| \`${state}\` | ${mirrorStates[state].meaning} |`);
});

test('a promotion is never taken back once it closes, and what is copied is what the states say', () => {
  expect(allowedEvents('Closing')).toEqual(['closed']);
  expect(allowedEvents('Promoted')).toEqual([]);
  expect(states.filter((state) => mirrorStates[state].isCopied)).toEqual(['Mirroring', 'Draining']);
});
