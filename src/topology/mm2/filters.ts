// Lists of Java regular expressions (DefaultTopicFilter, DefaultGroupFilter: any of them, matching the whole name) as the
// items of a link's lists. What RE2 does not know, or reads in another way, is refused.
import { checkFilterItem, type NameKind } from '../filter.ts';
import type { Problem } from '../problems.ts';
import { listOf, shown } from './java-values.ts';
import type { Property, Reporter } from './types.ts';

/** connect-mirror's defaults. */
const filterDefaults = {
  topics: ['regex:.*'],
  'topics.exclude': ['regex:mm2.*\\.internal', 'regex:.*\\.replica', 'regex:__.*'],
  groups: ['regex:.*'],
  'groups.exclude': ['regex:console-consumer-.*', 'regex:connect-.*', 'regex:__.*'],
} as const satisfies Record<string, readonly string[]>;
export type FilterName = keyof typeof filterDefaults;

/** Matches no name: a list that is there and empty takes nothing. */
const nothing = 'regex:[^\\s\\S]';

/** The items that the property comes to; of `topics` at least one, as a link wants it. */
export function filterItems(name: FilterName, property: Property | undefined, report: Reporter): string[] {
  if (property === undefined) return [...filterDefaults[name]];
  const kind: NameKind = name.startsWith('topics') ? 'topic' : 'group';
  const items = listOf(property, report).flatMap((text, index, { length }) => {
    const item = isPlainName(text) ? text : `regex:${text}`;
    const problem = javaOnly(text, index === length - 1) ?? inTheirWords(checkFilterItem(item, kind));
    if (problem === undefined) return [item];
    report.fault(property, property.isReferenced === true ? { ...problem, found: shown(property) } : problem);
    return [];
  });
  return items.length === 0 && name === 'topics' ? [nothing] : items;
}

/** Without a dot, which stands for any character in Java; internal names are never taken, not even literally. */
function isPlainName(text: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(text) && !text.startsWith('__');
}

/**
 * What Java reads in another way than RE2, which would say nothing: classes within classes and their intersections, and
 * braces that are no repetition; and, since connect-mirror makes one expression of a list, what goes on in the items behind.
 */
function javaOnly(text: string, isLast: boolean): Problem | undefined {
  const found = JSON.stringify(text);
  const expected = "a regular expression in RE2's syntax: write the characters out";
  let isInClass = false;
  for (let at = 0; at < text.length; at++) {
    const rest = text.slice(at);
    const escaped = /^\\(Q.*?(\\E|$)|[pPx]\{[^}]*\}|.)/s.exec(rest);
    if (escaped !== null) {
      const isOpen = escaped[1]?.startsWith('Q') === true && escaped[2] === '';
      if (isOpen && !isLast)
        return { found: `${found} (\\Q without \\E)`, expected: '\\E at the end of the text' };
      at += escaped[0].length - 1;
    } else if (isInClass) {
      if (rest.startsWith('[')) return { found: `${found} (a class within a class)`, expected };
      if (rest.startsWith('&&')) return { found: `${found} (an intersection &&)`, expected };
      isInClass = rest[0] !== ']';
    } else if (!isLast && /^\(\?[A-Za-z-]+\)/.test(rest)) {
      return {
        found: `${found} (flags that count for the items behind, too)`,
        expected: 'a group with flags, such as (?i:orders)',
      };
    } else if (rest[0] === '[') {
      isInClass = true;
      if (rest[1] === '^') at++;
    } else if (rest[0] === '{' && !/^\{\d+(,\d*)?\}/.test(rest)) {
      return {
        found: `${found} (a repetition {n} that is not closed)`,
        expected: 'none with a comma, which parts items',
      };
    }
  }
  return undefined;
}

/** The same problem with the names of this file's keys. */
function inTheirWords(problem: Problem | undefined): Problem | undefined {
  if (problem === undefined) return undefined;
  const expected = problem.expected
    .replace('excludeTopics', 'topics.exclude')
    .replace('excludeGroups', 'groups.exclude');
  const { suggestion } = problem;
  return {
    found: problem.found.replace('"regex:', '"'),
    expected,
    ...(suggestion !== undefined && { suggestion: suggestion.replace(/^\.?regex:/, '') }),
  };
}
