// The shape of Kafka's messages as data. scripts/generate-protocol.ts writes one schema per message into
// messages/; the codec interprets them. The words are those of Kafka's message specs (MessageSpec, FieldSpec).

/** First and last version, both included; absent, or the last below the first: never. */
export type Versions = readonly [min: number, max: number];

export function includes(versions: Versions, version: number): boolean {
  return version >= versions[0] && version <= versions[1];
}

export type PrimitiveType =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'float64'
  | 'uuid'
  | 'string'
  | 'bytes'
  | 'records';

export type FieldType =
  | { readonly kind: PrimitiveType }
  | { readonly kind: 'struct'; readonly struct: StructSchema }
  | { readonly kind: 'array'; readonly of: FieldType };

export interface FieldSchema {
  readonly name: string;
  readonly type: FieldType;
  readonly versions: Versions;
  /** Versions in which the value may be null. */
  readonly nullable?: Versions;
  /** The tag, in the versions in which the field is a tagged field (KIP-482). */
  readonly tag?: number;
  readonly tagged?: Versions;
  /** Overrides the message's flexible versions for this field. */
  readonly flexible?: Versions;
  readonly default: FieldDefault;
  /** Whether a value may be dropped silently in a version that lacks the field. */
  readonly ignorable?: boolean;
}

/** 'empty' stands for the empty string, bytes, array, or a struct of defaults. */
export type FieldDefault = number | bigint | boolean | string | null | { readonly empty: true };

export interface StructSchema {
  readonly name: string;
  readonly versions: Versions;
  readonly fields: readonly FieldSchema[];
}

/** A whole message. `T` is the decoded value's type, with every field present. */
export interface MessageSchema<T> extends StructSchema {
  readonly flexible: Versions;
  /** Never set: carries the type. */
  readonly type?: T;
}

/** One API: its key and both messages. */
export interface Api<Req, Res> {
  readonly key: number;
  readonly name: string;
  readonly request: MessageSchema<Req>;
  readonly response: MessageSchema<Res>;
  readonly versions: { readonly min: number; readonly max: number };
  /** The newest version is not stable yet in this release of Kafka. */
  readonly latestVersionUnstable: boolean;
}

/** What may be given to encode a `T`: omitted fields take the spec's default. */
export type Input<T> = T extends Buffer | bigint | string | number | boolean | null | undefined
  ? T
  : T extends readonly (infer E)[]
    ? readonly Input<E>[]
    : { readonly [K in keyof T]?: Input<T[K]> };

export const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA';
