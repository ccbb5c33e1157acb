// A link as it was declared, and what keeps it from being copied.

/**
 * How to reach a source. Strings are as the user wrote them, references (`${env:...}`, `${file:...}`) unresolved; the
 * shape is that of an entry of `clusters:` in lockstep.yaml. Never holds a secret itself.
 */
export interface SourceReference {
  readonly name: string;
  readonly bootstrap: readonly string[];
  readonly clientId?: string;
  readonly tls?: unknown;
  readonly sasl?: unknown;
  /** The connection's secrets stand in the file of the agent alone (`lockstep run FILE`): look the name up there. */
  readonly isInAgentFile?: boolean;
}

export interface LinkRecord {
  readonly v: number;
  readonly name: string;
  readonly source: SourceReference;
  /** Kafka's id of the source, once it was reached; another one later is another cluster under the same address. */
  readonly sourceClusterId?: string;
  /** The destination's name where it was declared; for people. */
  readonly destination: string;
  /** The keys of a link in lockstep.yaml without source and destination, as written (defaults not filled in). */
  readonly config: Readonly<Record<string, unknown>>;
  /** Grows by one with every change. */
  readonly generation: number;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
  /** Its replication group: it copies nothing before roles say so. */
  readonly group?: string;
  /** Its last mirrors are being closed; then it is forgotten. */
  readonly isDeleted?: boolean;
}

/** A link as a person declares it. */
export type LinkDeclaration = Pick<LinkRecord, 'name' | 'source' | 'destination' | 'config' | 'group'>;

/** What keeps a link (`Unreachable`, `NothingSelected`) or a topic (docs/states.md) from being copied. */
export interface ConditionRecord {
  readonly v: number;
  readonly state: string;
  readonly reason: string;
  readonly sinceMs: number;
}
