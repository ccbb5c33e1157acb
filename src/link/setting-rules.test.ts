import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type SettingRule, settingRules } from './setting-rules.ts';

const page = readFileSync(new URL('../../docs/mirror-topics.md', import.meta.url), 'utf8');

/** The rows of the table whose first column is called `setting`, without the padding that a formatter adds. */
function rows(): string[][] {
  const table = page.split(/\n(?!\|)/).find((block) => block.includes('| setting '))!;
  const lines = table.split('\n').filter((line) => line.startsWith('| `'));
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const kinds = { fixed: 'fixed', always: 'always equal', ifAsked: 'if asked', never: 'never' } as const;

function rowOf({ name, kind, value, created, why }: SettingRule): string[] {
  const fromSource = { effective: 'the source’s', whenSet: 'the source’s, where the topic sets it' } as const;
  const own = value === undefined ? 'the destination’s default' : `\`${value}\``;
  return [`\`${name}\``, kinds[kind], created === undefined ? own : fromSource[created], why];
}

it('has a row in docs/mirror-topics.md for every setting, in this order', () => {
  expect(rows()).toEqual(settingRules.map(rowOf));
});

it('names each setting once', () => {
  expect(new Set(settingRules.map(({ name }) => name)).size).toBe(settingRules.length);
});
