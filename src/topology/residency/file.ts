// A file's links against its own rules.
import { quote } from '../describe.ts';
import type { Problems } from '../problems.ts';
import type { LinkConfig, ReplicationGroupConfig } from '../types.ts';
import { certainViolations } from './certain.ts';
import type { ResidencyConfig, ResidencyWorld } from './types.ts';

/** What the file says of its clusters, links and groups. */
export function worldOfFile(
  { clusterLabels, topicLabels, rules }: ResidencyConfig,
  { links, groups }: { links: readonly LinkConfig[]; groups: readonly ReplicationGroupConfig[] },
): ResidencyWorld {
  return {
    clusters: Object.fromEntries(Object.entries(clusterLabels).map(([name, labels]) => [name, { labels }])),
    ...{ topicLabels, rules, flows: links, copies: [] },
    groups: groups.map(({ name, links: own }) => ({ name, links: own })),
  };
}

/** Adds a problem for each item of a link's `topics` that a rule forbids. */
export function checkResidency(world: ResidencyWorld, problems: Problems): void {
  for (const flow of world.flows) {
    for (const { index, item, text } of certainViolations(world, flow)) {
      problems.add(['links', flow.name, 'topics', index], {
        found: `${quote(item)}: ${text}`,
        expected: `topics that may be in ${flow.destination}`,
      });
    }
  }
}
