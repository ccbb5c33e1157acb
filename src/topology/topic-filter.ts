// Which topics a link takes: literal names and regular expressions, side by side in one list.
//
// The rule that tells them apart: an item made only of characters that a topic name may have (letters, digits,
// '.', '_', '-') is a literal name; anything else is a regular expression that must match the whole name. So
// `orders.v1` is one topic, and `payments.*` is every topic whose name starts with "payments".
//
// Internal topics are taken only when named literally: those that start with `__` (Kafka's own, and ours), and
// MirrorMaker's bookkeeping (`mm2-configs.a.internal`, `a.checkpoints.internal`).
import type { Problem } from './problems.ts';
import type { LinkConfig } from './types.ts';

/** A topic name's length bound (Kafka: Topic.MAX_NAME_LENGTH). */
const nameCharsMax = 249;
const namePattern = /^[A-Za-z0-9._-]+$/;
const regexCharacters = /[\\^$*+?()[\]{}|]/;

/** Topics that belong to one cluster's brokers: a copy would be wrong, so not even the literal name is taken. */
const neverMirrored = new Set([
  '__consumer_offsets',
  '__transaction_state',
  '__share_group_state',
  '__cluster_metadata',
  '__remote_log_metadata',
  '__lockstep',
]);

/** Whether the topic is Kafka's, Lockstep's or MirrorMaker's own bookkeeping. */
export function isInternalTopic(name: string): boolean {
  if (name.startsWith('__')) return true;
  return name.endsWith('.internal') && (name.startsWith('mm2') || name.endsWith('.checkpoints.internal'));
}

/** What is wrong with an item of `topics`, `excludeTopics` or `groups`, if anything. */
export function checkFilterItem(item: string, kind: 'topic' | 'group'): Problem | undefined {
  const found = JSON.stringify(item);
  if (kind === 'topic' && neverMirrored.has(item)) {
    return {
      found,
      expected: "a topic that does not belong to one cluster's brokers: this one can't be mirrored",
    };
  }
  if (kind === 'topic' && isLiteral(item)) {
    if (item === '.' || item === '..') return { found, expected: "a topic name other than '.' and '..'" };
    if (item.length > nameCharsMax)
      return { found: `a topic name of ${item.length} characters`, expected: `at most ${nameCharsMax}` };
    return undefined;
  }
  if (!regexCharacters.test(item)) {
    if (kind === 'group') return undefined;
    const reason = item.includes(',') ? ', one per list item' : '';
    return {
      found,
      expected: `a topic name (letters, digits, '.', '_', '-') or a regular expression${reason}`,
    };
  }
  try {
    toRegExp(item);
    return undefined;
  } catch (error) {
    const reason = String((error as Error).message)
      .split(': ')
      .at(-1);
    const hint = /^[*]/.test(item) ? `.${item}` : undefined;
    return { found: `${found} (${reason})`, expected: 'a regular expression', suggestion: hint };
  }
}

/**
 * Whether the link takes a topic of this name. `excludeTopics` wins; then a literal name; then a regular
 * expression, unless the topic is internal.
 */
export function matchesTopic(link: Pick<LinkConfig, 'topics' | 'excludeTopics'>, name: string): boolean {
  const filter = compiled(link);
  if (filter.excludedNames.has(name) || filter.excluded.some((regex) => regex.test(name))) return false;
  if (filter.names.has(name)) return true;
  return !isInternalTopic(name) && filter.patterns.some((regex) => regex.test(name));
}

/** Names that the link's `topics` gives literally: those a person expects to exist. */
export function literalTopics(link: Pick<LinkConfig, 'topics'>): string[] {
  return link.topics.filter(isLiteral);
}

interface Filter {
  readonly names: ReadonlySet<string>;
  readonly patterns: readonly RegExp[];
  readonly excludedNames: ReadonlySet<string>;
  readonly excluded: readonly RegExp[];
}

/** Compiled once per link: a metadata refresh asks for thousands of topics. */
const filters = new WeakMap<object, Filter>();

function compiled(link: Pick<LinkConfig, 'topics' | 'excludeTopics'>): Filter {
  const known = filters.get(link);
  if (known !== undefined) return known;
  const isPattern = (item: string): boolean => !isLiteral(item);
  const filter: Filter = {
    names: new Set(link.topics.filter(isLiteral)),
    patterns: link.topics.filter(isPattern).map(toRegExp),
    excludedNames: new Set(link.excludeTopics.filter(isLiteral)),
    excluded: link.excludeTopics.filter(isPattern).map(toRegExp),
  };
  filters.set(link, filter);
  return filter;
}

function isLiteral(item: string): boolean {
  return namePattern.test(item);
}

/** The whole name must match. The `u` flag makes meaningless escapes errors instead of letters. */
function toRegExp(item: string): RegExp {
  new RegExp(item, 'u'); // alone first: `a)(b` would be whole inside the brackets below
  return new RegExp(`^(?:${item})$`, 'u');
}
