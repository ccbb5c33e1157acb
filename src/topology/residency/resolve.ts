// `labels`, `topicLabels` and `rules` of a file: read, and checked for what would make a rule hold nothing.
//
// A rule that nothing matches is worse than none, since people rely on it: labels that nobody bears are errors, and so are
// clusters of which a rule can't tell what they are.
import { quote } from '../describe.ts';
import { nearestName } from '../did-you-mean.ts';
import { checkLinkItem } from '../link-filters.ts';
import type { Path, Problems } from '../problems.ts';
import { labelsSchema, type RuleShape, ruleSchema, topicLabelsSchema } from './schema.ts';
import type { ClusterFacts, LabelSelector, Labels, ResidencyConfig, ResidencyRule } from './types.ts';
import { mayBeIn } from './verdict.ts';

/** The parts of a file; each is read where its shape is right. */
export interface ResidencySections {
  /** By cluster: its whole entry. */
  readonly clusters: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly topicLabels: unknown;
  readonly rules: unknown;
}

/** Undefined: the file says nothing of labels and rules. */
export function resolveResidency(
  { clusters, topicLabels, rules }: ResidencySections,
  problems: Problems,
): ResidencyConfig | undefined {
  const labelled = Object.entries(clusters).filter(([, { labels }]) => labels !== undefined);
  if (labelled.length === 0 && topicLabels === undefined && rules === undefined) return undefined;
  const config: ResidencyConfig = {
    clusterLabels: Object.fromEntries(
      labelled.flatMap(([name, { labels }]) => {
        const parsed = labelsSchema.safeParse(labels);
        return parsed.success ? [[name, parsed.data as Labels] as const] : [];
      }),
    ),
    topicLabels: (Array.isArray(topicLabels) ? topicLabels : []).flatMap((entry: unknown) => {
      const parsed = topicLabelsSchema.safeParse(entry);
      return parsed.success ? [parsed.data] : [];
    }),
    rules: Object.entries(asMapping(rules)).flatMap(([name, rule]) => {
      const parsed = ruleSchema.safeParse(rule);
      return parsed.success ? [ruleOf(name, parsed.data)] : [];
    }),
  };
  checkTopicItems(topicLabels, problems);
  // Whatever is misread would be called unknown below.
  const isWhole =
    labelled.length === Object.keys(config.clusterLabels).length &&
    config.rules.length === Object.keys(asMapping(rules)).length &&
    config.topicLabels.length === (Array.isArray(topicLabels) ? topicLabels.length : 0);
  if (isWhole) checkRules(config, Object.keys(clusters), problems);
  return config;
}

function ruleOf(name: string, { topics, from, never, only, reason }: RuleShape): ResidencyRule {
  return {
    name,
    topics: selectorOf(topics),
    ...(from && { from: selectorOf(from) }),
    ...(never && { never: selectorOf(never) }),
    ...(only && { only: selectorOf(only) }),
    ...(reason !== undefined && { reason }),
  };
}

function selectorOf(shape: RuleShape['topics']): LabelSelector {
  return Object.fromEntries(
    Object.entries(shape).map(([key, value]) => [key, typeof value === 'string' ? [value] : value]),
  );
}

function checkTopicItems(topicLabels: unknown, problems: Problems): void {
  for (const [index, entry] of (Array.isArray(topicLabels) ? topicLabels : []).entries()) {
    const items: unknown = asMapping(entry).topics;
    for (const [at, item] of (Array.isArray(items) ? items : []).entries()) {
      if (typeof item !== 'string' || item === '') continue;
      const problem = checkLinkItem(item, 'topic');
      if (problem !== undefined) problems.add(['topicLabels', index, 'topics', at], problem);
    }
  }
}

/** Labels that somebody bears, by key. */
type Borne = ReadonlyMap<string, ReadonlySet<string>>;

function checkRules(config: ResidencyConfig, clusters: readonly string[], problems: Problems): void {
  const { clusterLabels, topicLabels, rules } = config;
  const ofTopics = borneBy(topicLabels.map(({ labels }) => labels));
  const ofClusters = borneBy(Object.values(clusterLabels));
  for (const rule of rules) {
    const at: Path = ['rules', rule.name];
    if ((rule.never === undefined) === (rule.only === undefined)) {
      const both = rule.never !== undefined;
      problems.addAtKey(both ? [...at, 'only'] : at, {
        found: both ? 'only beside never' : 'neither never nor only',
        expected: 'one of the two',
      });
    }
    checkSelector([...at, 'topics'], rule.topics, { borne: ofTopics, who: 'entry of topicLabels', problems });
    for (const part of ['from', 'never', 'only'] as const) {
      const selector = rule[part];
      if (selector === undefined) continue;
      checkSelector([...at, part], selector, { borne: ofClusters, who: 'cluster', problems });
    }
  }
  checkClusters(config, clusters, ofClusters, problems);
  checkContradictions(config, clusters, problems);
}

function borneBy(all: readonly Labels[]): Borne {
  const borne = new Map<string, Set<string>>();
  for (const labels of all)
    for (const [key, value] of Object.entries(labels))
      borne.set(key, (borne.get(key) ?? new Set()).add(value));
  return borne;
}

/** A key or a topic's value that nobody bears is a slip; a cluster with that value may be yet to come. */
function checkSelector(
  at: Path,
  selector: LabelSelector,
  { borne, who, problems }: { borne: Borne; who: string; problems: Problems },
): void {
  for (const [key, values] of Object.entries(selector)) {
    const known = borne.get(key);
    if (known === undefined) {
      const keys = [...borne.keys()];
      problems.addAtKey([...at, key], {
        found: `the label ${quote(key)}, which no ${who} has`,
        expected: keys.length === 0 ? `labels on a ${who} first` : `one of ${keys.join(', ')}`,
        suggestion: nearestName(key, keys),
      });
      continue;
    }
    for (const value of values) {
      if (known.has(value)) continue;
      const others = [...known];
      const suggestion = nearestName(value, others);
      if (who === 'cluster') {
        const hint = suggestion === undefined ? '' : `; did you mean ${suggestion}?`;
        problems.warn([...at, key], `no cluster has ${key}: ${value}, so nothing matches it yet${hint}`);
      } else
        problems.add([...at, key], {
          found: `${quote(value)}, and no ${who} has ${key}: ${value}`,
          expected: `one of ${others.join(', ')}`,
          suggestion,
        });
    }
  }
}

/** A cluster without the label could be anywhere. */
function checkClusters(
  { clusterLabels, rules }: ResidencyConfig,
  clusters: readonly string[],
  ofClusters: Borne,
  problems: Problems,
): void {
  const askedBy = new Map<string, string>();
  for (const { name, from, never, only } of rules)
    for (const key of Object.keys({ ...from, ...never, ...only }))
      if (ofClusters.has(key) && !askedBy.has(key)) askedBy.set(key, name);
  for (const cluster of clusters) {
    const labels: Labels = Object.hasOwn(clusterLabels, cluster) ? clusterLabels[cluster]! : {};
    for (const [key, rule] of askedBy) {
      if (Object.hasOwn(labels, key)) continue;
      const own = Object.keys(labels);
      problems.addAtKey(['clusters', cluster, ...(own.length > 0 ? ['labels'] : [])], {
        found: `no label ${key} on the cluster ${cluster}`,
        expected: `labels: {${key}: ...}, since the rule ${rule} asks for it`,
        suggestion: nearestName(
          key,
          own.filter((name) => !askedBy.has(name)),
        ),
      });
    }
  }
}

/** Two rules about the same data of which each leaves a place, and both together none. */
function checkContradictions(
  { clusterLabels, rules }: ResidencyConfig,
  clusters: readonly string[],
  problems: Problems,
): void {
  const allowed = (rule: ResidencyRule): string[] =>
    clusters.filter((name) => mayBeIn(factsOf(clusterLabels, name), rule));
  for (const [index, second] of rules.entries()) {
    for (const first of rules.slice(0, index)) {
      if (!isSame(first.topics, second.topics) || !isSame(first.from ?? {}, second.from ?? {})) continue;
      const [one, other] = [allowed(first), allowed(second)];
      if (one.length === 0 || other.length === 0 || one.some((name) => other.includes(name))) continue;
      problems.addAtKey(['rules', second.name], {
        found: `the rule ${second.name}, which leaves ${other.join(', ')}, against ${first.name}, which leaves ${one.join(', ')}`,
        expected: 'rules about the same topics that leave them a cluster together',
      });
    }
  }
}

function factsOf(clusterLabels: ResidencyConfig['clusterLabels'], name: string): ClusterFacts | undefined {
  return Object.hasOwn(clusterLabels, name) ? { labels: clusterLabels[name]! } : undefined;
}

function isSame(one: LabelSelector, other: LabelSelector): boolean {
  const text = (selector: LabelSelector) =>
    JSON.stringify(
      Object.entries(selector)
        .map(([key, values]) => [key, [...values].sort()])
        .sort(),
    );
  return text(one) === text(other);
}

function asMapping(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
