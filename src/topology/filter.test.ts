import { expect, test } from 'vitest';
import { checkFilterItem, compileFilter, literalName, type NameKind, type Taken } from './filter.ts';

const cases: [kind: NameKind, include: string[], exclude: string[], name: string, taken: Taken][] = [
  ['topic', ['literal:orders'], [], 'orders', 'literal'],
  ['topic', ['literal:a.b'], [], 'aXb', null],
  ['topic', ['prefix:pay.'], [], 'pay.eu', 'pattern'],
  ['topic', ['prefix:pay.'], [], 'payXeu', null], // a prefix has no wildcards
  ['topic', ['prefix:pay'], [], 'pay', 'pattern'],
  ['topic', ['regex:orders'], [], 'orders', 'pattern'],
  ['topic', ['regex:ord'], [], 'orders', null], // the whole name must match
  ['topic', ['regex:a|b'], [], 'ab', null],
  ['topic', ['prefix:a'], ['prefix:ab'], 'abc', null],
  ['topic', ['prefix:a'], ['regex:.*c'], 'abd', 'pattern'],
  ['topic', ['.*'], ['literal:a'], 'a', null],
  ['group', ['my group'], [], 'my group', 'literal'],
  ['group', ['connect.sink'], [], 'connectXsink', null], // a dot in a name is a dot
  ['group', ['connect-.*'], ['connect-x'], 'connect-y', 'pattern'],
  ['group', ['connect-.*'], ['connect-x'], 'connect-x', null],
  ['group', ['literal:a|b'], [], 'a|b', 'literal'],
  ['group', ['prefix:a*'], [], 'a*b', 'pattern'],
  ['group', ['.*'], [], 'Grün ☂', 'pattern'],
  ['principal', ['User:CN=app,OU=x'], [], 'User:CN=app,OU=x', 'literal'],
  ['principal', ['User:*'], [], 'User:*', 'literal'], // Kafka's everybody, not "every user"
  ['principal', ['User:*'], [], 'User:app', null],
  ['principal', ['.*'], ['User:*'], 'User:*', null],
  ['principal', ['prefix:User:team-'], [], 'User:team-a', 'pattern'],
  ['principal', ['User:(a|b)'], [], 'User:b', 'pattern'],
];

test.each(cases)('%s: %j without %j, asked for %s: %s', (kind, include, exclude, name, taken) => {
  expect(compileFilter({ include, exclude }, kind)(name)).toBe(taken);
});

test('the literal name of an item', () => {
  expect(literalName('literal:x', 'topic')).toBe('x');
  expect(literalName('x', 'topic')).toBe('x');
  expect(literalName('prefix:x', 'topic')).toBeUndefined();
  expect(literalName('x+', 'group')).toBeUndefined();
});

test('an expression that takes exponential time elsewhere is answered at once', () => {
  const started = performance.now();
  const filter = compileFilter(
    { include: ['regex:(a+)+$', 'regex:(a|aa)+$', 'regex:(.*a){20}'], exclude: [] },
    'group',
  );
  for (let i = 0; i < 100; i += 1) expect(filter(`${'a'.repeat(10_000)}b`)).toBe(null);
  expect(performance.now() - started).toBeLessThan(2_000);
  expect(filter('aaaa')).toBe('pattern');
});

test('ten thousand topics and twenty filters are a matter of milliseconds', () => {
  const names = Array.from({ length: 10_000 }, (_, i) => `team-${i % 100}.service-${i % 37}.events.v${i}`);
  const include = Array.from({ length: 20 }, (_, i) => `team-${i}\\..*-(eu|us|${i})\\..*v[0-9]+`);
  const started = performance.now();
  const filter = compileFilter({ include, exclude: [] }, 'topic');
  const taken = names.filter((name) => filter(name) !== null);
  expect(performance.now() - started).toBeLessThan(1_000);
  const oracle = include.map((text) => new RegExp(`^(?:${text})$`));
  expect(taken).toEqual(names.filter((name) => oracle.some((regex) => regex.test(name))));
  expect(taken.length).toBeGreaterThan(10);
});

test.each([
  ['(?>a)', 'a plain group'],
  ['(?<!a)b', 'leave names out with excludeGroups'],
  ['(?P<x>a)\\k<x>', 'write the cases out'],
])('%s is refused with a remedy', (expression, remedy) => {
  expect(checkFilterItem(expression, 'group')?.expected).toContain(remedy);
});

test.each(['a{1001}', '[a', 'a**', '\\q', '(', 'a{2,1}'])('%s is no regular expression', (expression) => {
  expect(checkFilterItem(expression, 'group')?.expected).toBe('a regular expression');
});

test('an expression that is huge once its repetitions are written out is refused', () => {
  expect(checkFilterItem('(a?){999}', 'group')).toEqual({
    found: '"(a?){999}", which has 3998 steps',
    expected: 'at most 2000: fewer or smaller repetitions {n}',
  });
  expect(checkFilterItem('[A-Za-z0-9._-]{1,249}', 'topic')).toBeUndefined();
  expect(checkFilterItem(`(${'x'.repeat(998)})`, 'topic')).toBeUndefined();
});
