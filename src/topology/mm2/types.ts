// What the files of this room hand to each other: properties with their places, what they come to for one cluster, and
// parts of the document that a lockstep.yaml would hold.
import type { FileReader } from '../files.ts';
import type { Problem } from '../problems.ts';
import type { DerivedText } from '../secrets.ts';

/** One `key = value` of the file, escapes resolved. */
export interface Property {
  readonly key: string;
  readonly value: string;
  /** Place of the key, both from 1; columns in characters of the line. */
  readonly line: number;
  readonly column: number;
  /** Place of the value's first character: another line than the key's where the line is continued before it. */
  readonly valueLine: number;
  readonly valueColumn: number;
  /** The value, or a part of it, came from a config provider: it is never shown. */
  readonly isReferenced?: boolean;
  /** Looks the value up anew where it came from a config provider or a secret's folder: files are replaced. */
  readonly renew?: DerivedText;
}

/** A file of properties as java.util.Properties reads it. */
export interface PropertiesFile {
  /** As the person typed it; begins every line of a problem. */
  readonly file: string;
  /** In the file's order, with every repetition. */
  readonly all: readonly Property[];
  /** By key; of a key that is repeated the last one, as in Java. */
  readonly byKey: ReadonlyMap<string, Property>;
}

/** Settings by their name without prefix, each with the property of the file that decides it. */
export type Settings = ReadonlyMap<string, Property>;

/** What connect-mirror hands to the clients of one cluster. */
export type ClientRole = 'admin' | 'consumer' | 'producer';
export const clientRoles: readonly ClientRole[] = ['admin', 'consumer', 'producer'];

/**
 * How connect-mirror talks to one cluster, by role of the client (MirrorMakerConfig.clusterProps): `A.admin.x` before
 * `A.x` before `x`.
 */
export interface ClusterSettings {
  readonly alias: string;
  readonly roles: Readonly<Record<ClientRole, Settings>>;
}

/** Where faults, and what a person should know, go. Lines: `mm2.properties:3:1: ...`, in the file's order. */
export interface Reporter {
  /** A fault of the value: the command ends with exit code 2, all faults told at once. */
  fault(property: Property, problem: Problem): void;
  /** A fault of the key. */
  keyFault(property: Property, problem: Problem): void;
  /** Something to know that stops nothing; never with a secret in it. */
  warn(property: Property, text: string): void;
}

/**
 * A part of the document that a lockstep.yaml would hold, and where in the properties each value comes from: paths begin
 * at the part. A path without an entry has the place of its nearest parent.
 */
export interface RawPart {
  readonly raw: Readonly<Record<string, unknown>>;
  readonly origins: readonly (readonly [path: readonly (string | number)[], property: Property])[];
  /**
   * What stands in `raw` as `${derived:NAME}`, by name: secrets, and texts made from other files. Names are unique in
   * the file; goes into `ReferenceSources.derived` of whoever resolves the document.
   */
  readonly derived: ReadonlyMap<string, DerivedText>;
}

/**
 * Text that stands for itself where lockstep.yaml would look references up (`${env:...}`): bootstrap, clientId, tls, sasl.
 */
export function plainText(value: string): string {
  return value.replaceAll('${', '$${');
}

/** Where values are looked up, and where faults go. */
export interface Around {
  readonly reporter: Reporter;
  /** Folder of the file. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Throws as node:fs does. */
  readonly readFile: FileReader;
}
