// docs/doctor.md has a row for every check and every rule of the probe, in their order.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { probeRules } from '../../mirror/probe/index.ts';
import { checkNames } from './checks.ts';

const text = readFileSync(new URL('../../../docs/doctor.md', import.meta.url), 'utf8');

function rows(heading: string): string[] {
  const section = text.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
  return [...section.matchAll(/^\| `([a-z-]+)` +\|/gm)].map((match) => match[1] as string);
}

test('checks', () => {
  expect(rows('Checks')).toEqual([...checkNames]);
});

test('rules', () => {
  expect(rows('Rules of the probe')).toEqual(probeRules.map((rule) => rule.id));
});
