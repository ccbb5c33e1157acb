// How the labels and rules of a file differ from those that stand in a fleet.
import { isDeepStrictEqual } from 'node:util';
import type { RulesDeclaration } from '../../control/index.ts';
import { labelsText, ruleText } from '../../topology/index.ts';

/** One difference, in the words of the two who have to do with it. */
export interface RuleDifference {
  /** For who holds the file against what stands: `the file lacks the rule ...`. */
  readonly inFile: string;
  /** For who makes the file's word count: `rule removed: ...`. */
  readonly asChange: string;
}

/** What people decide about; clusters and links that only one file names are no difference. */
export function ruleDifferences(before: RulesDeclaration, declared: RulesDeclaration): RuleDifference[] {
  return [
    ...nameOfThisCluster(before, declared),
    ...rules(before, declared),
    ...topicLabels(before, declared),
    ...namesakes(before, declared).map((text) => ({ inFile: text, asChange: text })),
    ...clusterLabels(before, declared),
  ];
}

function nameOfThisCluster(before: RulesDeclaration, declared: RulesDeclaration): RuleDifference[] {
  if (before.cluster === declared.cluster) return [];
  return [
    {
      inFile: `this cluster is ${before.cluster} here and ${declared.cluster} in the file`,
      asChange: `name of this cluster: ${before.cluster} -> ${declared.cluster}`,
    },
  ];
}

function rules(before: RulesDeclaration, declared: RulesDeclaration): RuleDifference[] {
  const byName = (each: RulesDeclaration) => new Map(each.rules.map((rule) => [rule.name, rule]));
  const old = byName(before);
  const wanted = byName(declared);
  const differences: RuleDifference[] = [];
  for (const [name, rule] of old) {
    const other = wanted.get(name);
    const text = ruleText(rule);
    if (other === undefined)
      differences.push({ inFile: `the file lacks the rule ${text}`, asChange: `rule removed: ${text}` });
    else if (!isDeepStrictEqual(plain(rule), plain(other)))
      differences.push({
        inFile: `rule ${text} -> ${ruleText(other)}`,
        asChange: `rule changed: ${text} -> ${ruleText(other).slice(`${name}: `.length)}`,
      });
  }
  for (const [name, rule] of wanted) {
    if (old.has(name)) continue;
    const text = ruleText(rule);
    differences.push({ inFile: `the file has the new rule ${text}`, asChange: `rule added: ${text}` });
  }
  return differences;
}

function topicLabels(before: RulesDeclaration, declared: RulesDeclaration): RuleDifference[] {
  const lacking = (one: RulesDeclaration, other: RulesDeclaration) =>
    one.topicLabels.filter(
      (entry) => !other.topicLabels.some((each) => isDeepStrictEqual(plain(each), plain(entry))),
    );
  const words = (entries: RulesDeclaration['topicLabels'], inFile: string, change: string) =>
    entries.map(({ topics, labels }) => ({
      inFile: `the file ${inFile} topic labels ${topics.join(', ')} (${labelsText(labels)})`,
      asChange: `topic labels ${change}: ${topics.join(', ')} (${labelsText(labels)})`,
    }));
  return [
    ...words(lacking(before, declared), 'lacks the', 'removed'),
    ...words(lacking(declared, before), 'has the new', 'added'),
  ];
}

function clusterLabels(before: RulesDeclaration, declared: RulesDeclaration): RuleDifference[] {
  return Object.entries(before.clusters).flatMap(([name, { labels }]) => {
    if (!Object.hasOwn(declared.clusters, name)) return [];
    const other = declared.clusters[name]!.labels;
    if (isDeepStrictEqual(plain(labels), plain(other))) return [];
    const text = `labels of cluster ${name}: ${labelsText(labels)} -> ${labelsText(other)}`;
    return [{ inFile: text, asChange: text }];
  });
}

/** A cluster that is known here under another name, with other labels: links from it would go by the wrong ones. */
export function namesakes(before: RulesDeclaration, declared: RulesDeclaration): string[] {
  return Object.entries(declared.clusters).flatMap(([name, { labels, bootstrap = [] }]) =>
    Object.entries(before.clusters).flatMap(([other, known]) => {
      if (other === name || isDeepStrictEqual(plain(labels), plain(known.labels))) return [];
      const there = new Set(known.bootstrap?.map((address) => address.toLowerCase()));
      const shared = bootstrap.find((address) => there.has(address.toLowerCase()));
      return shared === undefined
        ? []
        : [
            `cluster ${name} (${labelsText(labels)}) has the address ${shared}, which is that of ${other} (${labelsText(known.labels)})`,
          ];
    }),
  );
}

/** As it comes back from the topic. */
export function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
