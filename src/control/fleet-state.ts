// What the control topic says, put together record by record. No I/O: keys and values come in, and the same order of
// records gives the same state on every agent.
//
// A value that this Lockstep can't use stays in the topic and out of the typed maps: `foreign` has those of a newer
// version, `warnings` those that are no value at all. Only the newest value of a key counts, so whoever writes a good
// one over a bad one has mended it.
import { plural } from '../units.ts';
import { residencyRules } from './keys.ts';
import {
  type AgentRecord,
  type AnswerRecord,
  type CommandRecord,
  type ConditionRecord,
  type LinkRecord,
  type MirrorRecord,
  type MoveRecord,
  type OriginsRecord,
  type RolesRecord,
  type RulesRecord,
  recordVersion,
  type StatusRecord,
} from './records/index.ts';
import { type RecordKind, schemas } from './schemas.ts';

/** A view that follows the topic: read what you need at once, it goes on changing. Maps are in the order of the log. */
export interface FleetState {
  /** By name. */
  readonly links: ReadonlyMap<string, LinkRecord>;
  /** By link/topic, the topic's name at the source. */
  readonly mirrors: ReadonlyMap<string, MirrorRecord>;
  /** By link/topic/partition, the topic's name at the source. */
  readonly statuses: ReadonlyMap<string, StatusRecord>;
  /** By link, or link/topic: what keeps them from being copied. */
  readonly conditions: ReadonlyMap<string, ConditionRecord>;
  /** By id, as the next two. */
  readonly agents: ReadonlyMap<string, AgentRecord>;
  readonly commands: ReadonlyMap<string, CommandRecord>;
  readonly answers: ReadonlyMap<string, AnswerRecord>;
  /** By replication group. */
  readonly roles: ReadonlyMap<string, RolesRecord>;
  /** By `residencyRules`, the only one. */
  readonly rules: ReadonlyMap<string, RulesRecord>;
  /** By link. */
  readonly origins: ReadonlyMap<string, OriginsRecord>;
  /** By group/id. */
  readonly moves: ReadonlyMap<string, MoveRecord>;
  /** Keys whose value has a newer version than ours, and that version: nobody of our version may write them. */
  readonly foreign: ReadonlyMap<string, number>;
  /** What can't be used, a line each, at most `warningsMax` and one that counts the others. */
  readonly warnings: readonly string[];
  /** The value of any key, as JSON says it; undefined where there is none, or garbage. */
  get(key: string): unknown;
  /** Keys that begin with the prefix, and their values. */
  entries(prefix: string): ReadonlyMap<string, unknown>;
}

/** Lines of `warnings`. */
export const warningsMax = 100;
const keyCharsShownMax = 120;

export class FleetReducer implements FleetState {
  readonly #typed: Readonly<Record<RecordKind, Map<string, unknown>>> = {
    link: new Map(),
    mirror: new Map(),
    status: new Map(),
    condition: new Map(),
    agent: new Map(),
    command: new Map(),
    answer: new Map(),
    roles: new Map(),
    rules: new Map(),
    origins: new Map(),
    move: new Map(),
  };
  readonly #values = new Map<string, unknown>();
  /** The same by the first word of their keys: few are looked for among thousands of partitions' statuses again and again. */
  readonly #byRoot = new Map<string, Map<string, unknown>>();
  readonly #foreign = new Map<string, number>();
  readonly #warnings = new Map<string, string>();

  get links(): ReadonlyMap<string, LinkRecord> {
    return this.#typed.link as Map<string, LinkRecord>;
  }
  get mirrors(): ReadonlyMap<string, MirrorRecord> {
    return this.#typed.mirror as Map<string, MirrorRecord>;
  }
  get statuses(): ReadonlyMap<string, StatusRecord> {
    return this.#typed.status as Map<string, StatusRecord>;
  }
  get conditions(): ReadonlyMap<string, ConditionRecord> {
    return this.#typed.condition as Map<string, ConditionRecord>;
  }
  get agents(): ReadonlyMap<string, AgentRecord> {
    return this.#typed.agent as Map<string, AgentRecord>;
  }
  get commands(): ReadonlyMap<string, CommandRecord> {
    return this.#typed.command as Map<string, CommandRecord>;
  }
  get answers(): ReadonlyMap<string, AnswerRecord> {
    return this.#typed.answer as Map<string, AnswerRecord>;
  }
  get roles(): ReadonlyMap<string, RolesRecord> {
    return this.#typed.roles as Map<string, RolesRecord>;
  }
  get rules(): ReadonlyMap<string, RulesRecord> {
    return this.#typed.rules as Map<string, RulesRecord>;
  }
  get origins(): ReadonlyMap<string, OriginsRecord> {
    return this.#typed.origins as Map<string, OriginsRecord>;
  }
  get moves(): ReadonlyMap<string, MoveRecord> {
    return this.#typed.move as Map<string, MoveRecord>;
  }
  get foreign(): ReadonlyMap<string, number> {
    return this.#foreign;
  }
  get warnings(): readonly string[] {
    const lines = [...this.#warnings.values()];
    if (lines.length <= warningsMax) return lines;
    return [
      ...lines.slice(0, warningsMax),
      `and ${plural(lines.length - warningsMax, 'more value')} like these`,
    ];
  }

  get(key: string): unknown {
    return this.#values.get(key);
  }

  entries(prefix: string): ReadonlyMap<string, unknown> {
    const found = new Map<string, unknown>();
    const root = rootOf(prefix);
    const among = root === '' ? this.#values : this.#byRoot.get(root);
    among?.forEach((value, key) => {
      if (key.startsWith(prefix)) found.set(key, value);
    });
    return found;
  }

  /** Every key that has a value, garbage too. */
  keys(): Iterable<string> {
    return new Set([...this.#values.keys(), ...this.#warnings.keys()]);
  }

  /**
   * Takes over the newest value of a key; null is a tombstone.
   * @returns the value before, as `get` would have said it; undefined for none.
   */
  apply(key: string, text: string | null): unknown {
    const former = this.#values.get(key);
    const [kind, name] = kindOf(key);
    if (kind !== undefined) this.#typed[kind].delete(name);
    this.#foreign.delete(key);
    this.#warnings.delete(key);
    const value = text === null ? undefined : parse(text);
    if (value === undefined) {
      this.#values.delete(key);
      this.#byRoot.get(rootOf(key))?.delete(key);
      if (text !== null) this.#warn(key, 'no JSON');
      return former;
    }
    this.#values.set(key, value);
    const root = rootOf(key);
    const values = this.#byRoot.get(root) ?? new Map<string, unknown>();
    this.#byRoot.set(root, values.set(key, value));
    const version = versionOf(value);
    if (version > recordVersion) {
      this.#foreign.set(key, version);
      this.#warn(key, `written by a newer Lockstep (version ${version}, ours is ${recordVersion})`);
    } else if (kind !== undefined) {
      const reason = misfit(kind, name, value);
      if (reason === null) this.#typed[kind].set(name, value);
      else this.#warn(key, reason);
    }
    return former;
  }

  #warn(key: string, reason: string): void {
    this.#warnings.set(key, `${shown(key)}: ${reason}; it is left alone and not used`);
  }
}

/** `status/` of `status/us-to-eu/orders/0`; empty where there is no word of its own. */
function rootOf(key: string): string {
  return key.slice(0, key.indexOf('/') + 1);
}

function kindOf(key: string): [RecordKind | undefined, string] {
  const slash = key.indexOf('/');
  const kind = key.slice(0, slash);
  return [Object.hasOwn(schemas, kind) ? (kind as RecordKind) : undefined, key.slice(slash + 1)];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function versionOf(value: unknown): number {
  const v = typeof value === 'object' && value !== null && 'v' in value ? value.v : undefined;
  return Number.isSafeInteger(v) ? (v as number) : 0;
}

/** Why a value is not what its key says; null when it is. Never quotes the value. */
function misfit(kind: RecordKind, name: string, value: unknown): string | null {
  const { error } = schemas[kind].safeParse(value);
  if (error !== undefined) {
    const [issue] = error.issues;
    const place = issue!.path.length === 0 ? 'the value' : issue!.path.map(String).join('.');
    return `no valid ${kind}: ${place}: ${issue!.message}`;
  }
  const named = nameIn(kind, name, value);
  return named === name ? null : `no valid ${kind}: it says that it is another one`;
}

/** What the value's own fields say the key should be. */
function nameIn(kind: RecordKind, name: string, value: unknown): string {
  if (kind === 'link') return (value as LinkRecord).name;
  if (kind === 'mirror') return `${(value as MirrorRecord).link}/${(value as MirrorRecord).sourceTopic}`;
  if (kind === 'roles') return (value as RolesRecord).group;
  if (kind === 'rules') return residencyRules;
  if (kind === 'origins') return (value as OriginsRecord).link;
  if (kind === 'move') return `${(value as MoveRecord).group}/${(value as MoveRecord).id}`;
  if (kind === 'condition') return /^[^/]+(\/[^/]+)?$/.test(name) ? name : '';
  if (kind === 'status') return /^[^/]+\/[^/]+\/\d+$/.test(name) ? name : '';
  return (value as AgentRecord | CommandRecord | AnswerRecord).id;
}

/** Keys are anybody's bytes: only what a terminal can show, and not too much of it. */
function shown(key: string): string {
  const plain = key.replace(/[^\x21-\x7e]/g, '?');
  return plain.length > keyCharsShownMax ? `${plain.slice(0, keyCharsShownMax)}...` : plain;
}
