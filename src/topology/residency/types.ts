// Where data may be: labels of clusters and topics, and the rules about them, as lockstep.yaml says them.
import type { LinkConfig } from '../types.ts';

/** Each key once. */
export type Labels = Readonly<Record<string, string>>;

/** For each key the values of which one has to be there; all keys have to match. Never empty. */
export type LabelSelector = Readonly<Record<string, readonly string[]>>;

/** Labels that topics get by their names, in whatever cluster they are. */
export interface TopicLabels {
  /** Literal names, prefixes or regular expressions, as a link's `topics`. */
  readonly topics: readonly string[];
  readonly labels: Labels;
}

/** What must not be copied where. Exactly one of `never` and `only` is there. */
export interface ResidencyRule {
  readonly name: string;
  /** Topics that it is about. */
  readonly topics: LabelSelector;
  /** Only data that was in such a cluster on its way; absent: all data. */
  readonly from?: LabelSelector;
  /** Clusters that must not get it. */
  readonly never?: LabelSelector;
  /** The only clusters that may get it. */
  readonly only?: LabelSelector;
  /** Shown with every refusal. */
  readonly reason?: string;
}

/** `labels`, `topicLabels` and `rules` of one file. */
export interface ResidencyConfig {
  /** By cluster. */
  readonly clusterLabels: Readonly<Record<string, Labels>>;
  readonly topicLabels: readonly TopicLabels[];
  readonly rules: readonly ResidencyRule[];
}

/** What of a link says which data it brings where. */
export type Flow = Pick<
  LinkConfig,
  'name' | 'source' | 'destination' | 'topics' | 'excludeTopics' | 'prefix' | 'mirrorMaker'
>;

/** A topic of a cluster. */
export interface TopicPlace {
  readonly cluster: string;
  readonly topic: string;
}

/** A copy that was written down, whatever filters say today. */
export interface KnownCopy extends TopicPlace {
  readonly from: TopicPlace;
  readonly link: string;
}

export interface ClusterFacts {
  readonly labels: Labels;
  /** Addresses `host:port` under which files know it. */
  readonly bootstrap?: readonly string[];
}

/** All that decides whether data may be copied. */
export interface ResidencyWorld {
  /** A cluster that is not among them has unknown labels, which is held against it. */
  readonly clusters: Readonly<Record<string, ClusterFacts>>;
  readonly topicLabels: readonly TopicLabels[];
  readonly rules: readonly ResidencyRule[];
  /** Of all links that anybody knows of. */
  readonly flows: readonly Flow[];
  readonly copies: readonly KnownCopy[];
  /** Links that turn their direction with a region's role: what one of them must not copy none of them copies. */
  readonly groups: readonly { readonly name: string; readonly links: readonly string[] }[];
}
