// Settings of topics and brokers: describe (with where each value comes from), change one by one.

import { LockstepError } from '../../errors.ts';
import { apis, type DescribeConfigsRequest, type DescribeConfigsResponse } from '../../protocol/index.ts';
import { type AnswerDigest, unchanged } from '../answer-digest.ts';
import type { Cluster } from '../cluster.ts';
import type { GrantedOperation, KafkaRight } from '../rights.ts';
import { failed, inParallel, type Outcome, outcomeOf } from './outcome.ts';

/** Kafka's ConfigResource.Type. */
const resourceTypes = { topic: 2, broker: 4, group: 32 } as const;

/** A thing that has settings. A broker's name is its id; the empty name is the default of all brokers. */
export interface ConfigResource {
  readonly type: keyof typeof resourceTypes;
  readonly name: string;
}

/** Where a value comes from: Kafka's ConfigSource. */
const sources = {
  0: 'UNKNOWN',
  1: 'DYNAMIC_TOPIC_CONFIG',
  2: 'DYNAMIC_BROKER_CONFIG',
  3: 'DYNAMIC_DEFAULT_BROKER_CONFIG',
  4: 'STATIC_BROKER_CONFIG',
  5: 'DEFAULT_CONFIG',
  6: 'DYNAMIC_BROKER_LOGGER_CONFIG',
  7: 'CLIENT_METRICS_CONFIG',
  8: 'GROUP_CONFIG',
} as const;
export type ConfigSource = (typeof sources)[keyof typeof sources];

export interface ConfigSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: ConfigSource;
}

export interface ConfigEntry {
  readonly name: string;
  /** null for a sensitive value, which brokers never tell. */
  readonly value: string | null;
  readonly source: ConfigSource;
  readonly isReadOnly: boolean;
  readonly isSensitive: boolean;
  /** What the value would be without the sources above it, the one in force first. */
  readonly synonyms: readonly ConfigSynonym[];
}

export interface DescribeConfigsOptions {
  /** Only these settings; all when not given. */
  readonly names?: readonly string[];
  /** Default false. */
  readonly includeSynonyms?: boolean;
}

/** Only of topics, of which any broker tells. */
export interface DescribeAgainOptions extends DescribeConfigsOptions {
  /** Of the answer before, for the same question. */
  readonly digest: AnswerDigest;
}

export type ConfigOutcome = {
  readonly resource: ConfigResource;
  readonly outcome: Outcome<ReadonlyMap<string, ConfigEntry>>;
};

/** Settings by name, one outcome per resource, in their order. */
export async function describeConfigs(
  cluster: Cluster,
  resources: readonly ConfigResource[],
  options: DescribeConfigsOptions = {},
): Promise<ConfigOutcome[]> {
  const described = await inParallel(groupByTarget(resources), parallelMax, async ({ to, group }) =>
    outcomesOf(cluster, group, (await ask(cluster, { to, group }, options)) as DescribeConfigsResponse),
  );
  const found = described.flat();
  return resources.map((resource) => found.find((entry) => entry.resource === resource)!);
}

/** As `describeConfigs`, of topics that are asked about again and again. */
export async function describeTopicConfigsAgain(
  cluster: Cluster,
  topics: readonly string[],
  { digest, ...options }: DescribeAgainOptions,
): Promise<ConfigOutcome[] | typeof unchanged> {
  const group = topics.map((name): ConfigResource => ({ type: 'topic', name }));
  const question = { to: 'any', group, digest } as const;
  const answer = await ask(cluster, question, options);
  return answer === unchanged ? unchanged : outcomesOf(cluster, group, answer);
}

interface ConfigQuestion {
  readonly to: 'any' | number;
  readonly group: readonly ConfigResource[];
  readonly digest?: AnswerDigest;
}

/** `unchanged` where a digest is given alone. */
function ask(
  cluster: Cluster,
  { to, group, digest }: ConfigQuestion,
  { names, includeSynonyms = false }: DescribeConfigsOptions,
): Promise<DescribeConfigsResponse | typeof unchanged> {
  return cluster.request<DescribeConfigsRequest, DescribeConfigsResponse | typeof unchanged>(
    apis.DescribeConfigs,
    {
      resources: group.map(({ type, name }) => ({
        resourceType: resourceTypes[type],
        resourceName: name,
        configurationKeys: names === undefined ? null : [...names],
      })),
      includeSynonyms,
    },
    { to, what: `describing the settings of ${describeSome(group)}`, ...(digest && { digest }) },
  );
}

function outcomesOf(
  cluster: Cluster,
  group: readonly ConfigResource[],
  { results }: DescribeConfigsResponse,
): ConfigOutcome[] {
  return group.map((resource): ConfigOutcome => {
    const what = `describing the settings of ${describeResource(resource)}`;
    const entry = results.find((result) => isFor(result, resource));
    if (entry === undefined) return { resource, outcome: failed(unanswered(cluster, what)) };
    const value = () => toEntries(entry.configs);
    const outcome = outcomeOf(cluster, entry, what, value, rightOn(resource, 'DescribeConfigs'));
    return { resource, outcome };
  });
}

/** Kafka's AlterConfigOp.OpType; append and subtract are for lists. */
const operations = { set: 0, delete: 1, append: 2, subtract: 3 } as const;

export type ConfigChange =
  | { readonly operation: 'set' | 'append' | 'subtract'; readonly name: string; readonly value: string }
  /** Back to the default. */
  | { readonly operation: 'delete'; readonly name: string };

export interface ConfigChanges {
  readonly resource: ConfigResource;
  readonly changes: readonly ConfigChange[];
}

/**
 * Changes single settings and leaves the others alone (IncrementalAlterConfigs, KIP-339, Kafka 2.3). A
 * resource's changes are made together or not at all.
 */
export async function incrementalAlterConfigs(
  cluster: Cluster,
  alterations: readonly ConfigChanges[],
  options: { validateOnly?: boolean } = {},
): Promise<{ resource: ConfigResource; outcome: Outcome<void> }[]> {
  const groups = groupByTarget(alterations.map(({ resource }) => resource));
  const altered = await inParallel(groups, parallelMax, async ({ to, group }) => {
    const answer = await cluster.request(
      apis.IncrementalAlterConfigs,
      {
        resources: alterations
          .filter(({ resource }) => group.includes(resource))
          .map(({ resource, changes }) => ({
            resourceType: resourceTypes[resource.type],
            resourceName: resource.name,
            configs: changes.map((change) => ({
              name: change.name,
              configOperation: operations[change.operation],
              value: change.operation === 'delete' ? null : change.value,
            })),
          })),
        validateOnly: options.validateOnly ?? false,
      },
      { to: to === 'any' ? 'controller' : to, what: `changing the settings of ${describeSome(group)}` },
    );
    return group.map((resource) => {
      const what = `changing the settings of ${describeResource(resource)}`;
      const entry = answer.responses.find((response) => isFor(response, resource));
      const outcome =
        entry === undefined
          ? failed(unanswered(cluster, what))
          : outcomeOf(cluster, entry, what, () => undefined, rightOn(resource, 'AlterConfigs'));
      return { resource, outcome };
    });
  });
  const done = altered.flat();
  return alterations.map(({ resource }) => done.find((entry) => entry.resource === resource)!);
}

/** Brokers asked at the same time. */
const parallelMax = 8;

/** A broker answers for itself only; everything else may be asked of anyone. */
function groupByTarget(
  resources: readonly ConfigResource[],
): { to: 'any' | number; group: ConfigResource[] }[] {
  const groups = new Map<'any' | number, ConfigResource[]>();
  for (const resource of resources) {
    const to = resource.type === 'broker' && resource.name !== '' ? Number(resource.name) : 'any';
    groups.set(to, [...(groups.get(to) ?? []), resource]);
  }
  return Array.from(groups, ([to, group]) => ({ to, group }));
}

function isFor(answer: { resourceType: number; resourceName: string }, resource: ConfigResource): boolean {
  return answer.resourceType === resourceTypes[resource.type] && answer.resourceName === resource.name;
}

function toEntries(
  configs: readonly {
    name: string;
    value: string | null;
    readOnly: boolean;
    isSensitive: boolean;
    configSource: number;
    synonyms: readonly { name: string; value: string | null; source: number }[];
  }[],
): ReadonlyMap<string, ConfigEntry> {
  return new Map(
    configs.map((config) => [
      config.name,
      {
        name: config.name,
        value: config.value,
        source: sourceOf(config.configSource),
        isReadOnly: config.readOnly,
        isSensitive: config.isSensitive,
        synonyms: config.synonyms.map(({ name, value, source }) => ({
          name,
          value,
          source: sourceOf(source),
        })),
      },
    ]),
  );
}

function sourceOf(number: number): ConfigSource {
  return sources[number as keyof typeof sources] ?? 'UNKNOWN';
}

/** Settings of brokers are the cluster's. */
function rightOn({ type, name }: ConfigResource, operation: GrantedOperation): KafkaRight {
  if (type === 'topic') return { operation, resource: { topic: name } };
  return { operation, resource: type === 'group' ? { group: name } : 'cluster' };
}

function describeResource({ type, name }: ConfigResource): string {
  return `${type} ${name === '' ? '(default)' : name}`;
}

function describeSome(resources: readonly ConfigResource[]): string {
  const shown = resources.slice(0, 3).map(describeResource).join(', ');
  return resources.length > 3 ? `${shown} and ${resources.length - 3} more` : shown;
}

function unanswered(cluster: Cluster, what: string): LockstepError {
  return new LockstepError('FRAME_INVALID', `cluster ${cluster.name}: ${what}: the answer does not name it.`);
}
