// Lists of Java regular expressions (DefaultTopicFilter, DefaultGroupFilter: any of them, matching the whole name) as the
// items of a link's lists. What RE2 does not know, or reads in another way, is refused.
import { checkFilterItem, type NameKind } from '../filter.ts';
import type { Problem } from '../problems.ts';
import { listOf, shown } from './java-values.ts';
import type { Property, Reporter } from './types.ts';

/** connect-mirror's defaults. */
export const filterDefaults = {
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
  const items = listOf(property, report).flatMap((text) => {
    const item = isPlainName(text) ? text : `regex:${text}`;
    const problem = javaOnly(text) ?? inTheirWords(checkFilterItem(item, kind));
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

/** Classes within classes and their intersections: RE2 takes the characters literally, and would say nothing. */
function javaOnly(text: string): Problem | undefined {
  let isInClass = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '\\') {
      if (text[at + 1] === 'Q') at = Math.max(text.indexOf('\\E', at), at);
      at++;
    } else if (!isInClass && character === '[') {
      isInClass = true;
      if (text[at + 1] === '^') at++;
    } else if (isInClass && (character === '[' || text.startsWith('&&', at))) {
      return {
        found: `${JSON.stringify(text)} (${character === '[' ? 'a class within a class' : 'an intersection &&'})`,
        expected: "a regular expression in RE2's syntax: write the characters out",
      };
    } else if (isInClass && character === ']') isInClass = false;
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
