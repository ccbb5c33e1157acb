// Where data must not be copied, and what is known of where it comes from.
import type { ClusterFacts, Flow, KnownCopy, ResidencyRule, TopicLabels } from '../../topology/index.ts';

/** What a file says about where data may be; `RulesRecord` is what stands. */
export interface RulesDeclaration {
  /** Says in messages where it stands: the file. */
  readonly place: string;
  /** What the file calls this fleet's cluster. */
  readonly cluster: string;
  readonly clusters: Readonly<Record<string, ClusterFacts>>;
  readonly topicLabels: readonly TopicLabels[];
  readonly rules: readonly ResidencyRule[];
  /** Of all links of the file, those to other clusters too: a label follows the data over them. */
  readonly flows: readonly Flow[];
  readonly groups: readonly { readonly name: string; readonly links: readonly string[] }[];
}

/**
 * Where data must not be copied. Files declare it; other labels or rules than those that stand take an explicit word. A
 * fleet without it copies whatever its links say.
 */
export interface RulesRecord extends RulesDeclaration {
  readonly v: number;
  /** From 1 on; grows by one with every change. */
  readonly generation: number;
  readonly by: string;
  readonly atMs: number;
}

/**
 * What the source of a link copies itself, as its own control topic says: labels follow the data over flows that no file
 * of this fleet names.
 */
export interface OriginsRecord {
  readonly v: number;
  readonly link: string;
  /** Name of the link's source when it was read. */
  readonly source: string;
  readonly flows: readonly Flow[];
  readonly copies: readonly KnownCopy[];
  /** Why nothing can be known of it; null: it was read. */
  readonly unknown: string | null;
  readonly atMs: number;
}
