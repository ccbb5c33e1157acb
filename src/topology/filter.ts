// Which names a list takes: literal names, prefixes and regular expressions, side by side.
//
//   literal:NAME   that one name
//   prefix:TEXT    every name that begins so
//   regex:RE       every name that the regular expression matches as a whole
//   anything else  literal where it can be a plain name, a regular expression otherwise
//
// "Can be a plain name" means for topics: made only of characters that a topic's name may have (letters, digits, '.',
// '_', '-'), so `orders.v1` is one topic. Names of groups and principals may have any character: there an item without
// the characters of regular expressions (\ ^ $ * + ? ( ) [ ] { } |) is literal, and so is `User:*`, Kafka's "everybody".
//
// Regular expressions are RE2's (re2js): matching takes time linear in the name, whatever the expression.
import { RE2JS } from 're2js';
import type { Problem } from './problems.ts';
import { isTopicName, topicNameCharsMax } from './topic-name.ts';

export type NameKind = 'topic' | 'group' | 'principal';

/** A list and the list that wins over it. */
export interface FilterItems {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** How a name was taken; null: not at all. */
export type Taken = 'literal' | 'pattern' | null;
export type Filter = (name: string) => Taken;

interface Item {
  readonly form: 'literal' | 'prefix' | 'regex';
  readonly text: string;
}

const regexCharacters = /[\\^$*+?()[\]{}|]/;
const everybody = 'User:*';
const excludeKeys = { topic: 'excludeTopics', group: 'excludeGroups', principal: 'excludePrincipals' };

/** The name that an item gives literally; undefined for prefixes and regular expressions. */
export function literalName(item: string, kind: NameKind): string | undefined {
  const { form, text } = readItem(item, kind);
  return form === 'literal' ? text : undefined;
}

/** A filter that was compiled once; exclusion wins, then a literal name, then the patterns. */
export function compileFilter({ include, exclude }: FilterItems, kind: NameKind): Filter {
  const taken = compileItems(include, kind);
  const left = compileItems(exclude, kind);
  return (name) => {
    if (left.names.has(name) || left.matches(name)) return null;
    if (taken.names.has(name)) return 'literal';
    return taken.matches(name) ? 'pattern' : null;
  };
}

/** What is wrong with an item, if anything. */
export function checkFilterItem(item: string, kind: NameKind): Problem | undefined {
  const found = JSON.stringify(item);
  const { form, text } = readItem(item, kind);
  if (text === '') return { found: `${found} without a ${form}`, expected: `text after ${form}:` };
  if (form === 'regex') {
    if (item === text && !regexCharacters.test(item)) return notAName(item, kind);
    return checkRegex(text, kind, found);
  }
  if (kind === 'principal' && form === 'literal' && !/^[A-Za-z]+:./.test(text)) {
    return { found, expected: 'a principal as in ACLs, such as User:app', suggestion: `User:${text}` };
  }
  if (kind !== 'topic') return undefined;
  if (!isTopicName(form === 'prefix' ? `${text}x` : text)) return notAName(text, kind);
  if (text.length <= topicNameCharsMax) return undefined;
  return { found: `a topic name of ${text.length} characters`, expected: `at most ${topicNameCharsMax}` };
}

function readItem(item: string, kind: NameKind): Item {
  const explicit = /^(literal|prefix|regex):(.*)$/s.exec(item);
  if (explicit !== null) return { form: explicit[1] as Item['form'], text: explicit[2] as string };
  const isLiteral =
    kind === 'topic'
      ? /^[A-Za-z0-9._-]+$/.test(item)
      : !regexCharacters.test(item) || (kind === 'principal' && item === everybody);
  return { form: isLiteral ? 'literal' : 'regex', text: item };
}

function compileItems(
  items: readonly string[],
  kind: NameKind,
): { names: ReadonlySet<string>; matches(name: string): boolean } {
  const read = items.map((item) => readItem(item, kind));
  const textsOf = (form: Item['form']): string[] =>
    read.filter((item) => item.form === form).map((item) => item.text);
  const prefixes = textsOf('prefix');
  const expressions = textsOf('regex').map((text) => RE2JS.compile(text));
  return {
    names: new Set(textsOf('literal')),
    matches: (name) =>
      prefixes.some((prefix) => name.startsWith(prefix)) ||
      expressions.some((expression) => expression.testExact(name)),
  };
}

function notAName(text: string, kind: NameKind): Problem {
  const reason = text.includes(',') ? ', one per list item' : '';
  if (text === '.' || text === '..')
    return { found: JSON.stringify(text), expected: "a topic name other than '.' and '..'" };
  return {
    found: JSON.stringify(text),
    expected: `a ${kind} name (letters, digits, '.', '_', '-') or a regular expression${reason}`,
  };
}

function checkRegex(text: string, kind: NameKind, found: string): Problem | undefined {
  try {
    const steps = RE2JS.compile(text).programSize();
    if (steps <= stepsMax) return undefined;
    return {
      found: `${found}, which has ${steps} steps`,
      expected: `at most ${stepsMax}: fewer or smaller repetitions {n}`,
    };
  } catch (cause) {
    const { error, input } = cause as { error?: string | null; input?: string | null };
    const unsupported = unsupportedSyntax(input ?? '', kind);
    if (unsupported !== undefined) {
      return {
        found: `${found} (${unsupported.what})`,
        expected: `a regular expression in RE2's syntax: ${unsupported.instead}`,
      };
    }
    const suggestion = text.startsWith('*') ? `.${text}` : undefined;
    return {
      found: `${found} (${faultWords[error ?? ''] ?? error ?? 'it is not understood'})`,
      expected: 'a regular expression',
      suggestion,
    };
  }
}

/**
 * Steps of a compiled expression. Matching takes time by steps and characters: (a?){1000}, repeated, would take seconds
 * for one name. Without repetitions {n} an expression has about as many steps as characters.
 */
const stepsMax = 2_000;

/** RE2's words for the slips that are made most. */
const faultWords: Readonly<Record<string, string>> = {
  'missing closing )': 'a bracket ( that is not closed',
  'unexpected )': 'a bracket ) that was not opened',
  'missing closing ]': 'a bracket [ that is not closed',
  'missing argument to repetition operator': 'nothing to repeat',
};

/** What other engines know and RE2 does not, since it can't be matched in linear time. */
function unsupportedSyntax(
  input: string,
  kind: NameKind,
): { readonly what: string; readonly instead: string } | undefined {
  if (/^\(\?<?[=!]/.test(input)) {
    const what = input.startsWith('(?<') ? 'lookbehind' : 'lookahead';
    const opening = /^\(\?<?[=!]/.exec(input)![0];
    return { what: `${what} ${opening}...)`, instead: `leave names out with ${excludeKeys[kind]}` };
  }
  if (/^\\([1-9]|k)/.test(input)) return { what: `back reference ${input}`, instead: 'write the cases out' };
  if (input.startsWith('(?>')) return { what: 'atomic group (?>', instead: 'a plain group' };
  return undefined;
}
