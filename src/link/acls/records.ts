// What the keeper remembers: which rules, quotas and users at the destination are its own, and the source's rules as
// last seen. A record is written before the thing that it speaks of is made, and removed after that is gone.
//
//   rule/<key>     a rule that we make, or made, at the destination
//   source/<key>   a rule of the source that counts for this link, as last seen
//   quota/<id>     one quota of an entity that we set
//   user/<mechanism>/<name>   a SCRAM user that we made
import type { Acl } from '../../client/index.ts';

const recordVersion = 1;

/** `intended`: written before the rule; `made`: the rule was seen since. */
export interface RuleRecord {
  readonly acl: Acl;
  readonly why: 'copied' | 'withheld' | 'agent';
  readonly phase: 'intended' | 'made';
  /** When it was found removed by somebody else, ms since 1970, newest last. */
  readonly removedAtMs: readonly number[];
}

export interface QuotaRecord {
  readonly entity: string;
  readonly key: string;
  readonly value: number;
  readonly phase: 'intended' | 'made';
  readonly removedAtMs: readonly number[];
}

/** Nothing secret: neither password nor anything derived from it. */
export interface UserRecord {
  readonly name: string;
  readonly mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly phase: 'intended' | 'made';
  readonly atMs: number;
}

export interface KeeperRecords {
  readonly rules: ReadonlyMap<string, RuleRecord>;
  readonly source: ReadonlyMap<string, Acl>;
  readonly quotas: ReadonlyMap<string, QuotaRecord>;
  readonly users: ReadonlyMap<string, UserRecord>;
  /** Keys that another version of Lockstep wrote, or that can't be read: what they speak of is left alone. */
  readonly unreadable: ReadonlySet<string>;
}

export function readRecords(entries: ReadonlyMap<string, unknown>): KeeperRecords {
  const rules = new Map<string, RuleRecord>();
  const source = new Map<string, Acl>();
  const quotas = new Map<string, QuotaRecord>();
  const users = new Map<string, UserRecord>();
  const unreadable = new Set<string>();
  for (const [key, value] of entries) {
    const slash = key.indexOf('/');
    const [kind, name] = [key.slice(0, slash), key.slice(slash + 1)];
    const is = isRecord(value);
    if (is && kind === 'rule' && isRule(value)) rules.set(name, value);
    else if (is && kind === 'source' && isAcl(value.acl)) source.set(name, value.acl);
    else if (is && kind === 'quota' && isQuota(value)) quotas.set(name, value);
    else if (is && kind === 'user' && isUser(value)) users.set(name, value);
    else unreadable.add(key);
  }
  return { rules, source, quotas, users, unreadable };
}

/** Topics of the destination that rules of ours stand on. */
export function ruledTopics(entries: ReadonlyMap<string, unknown>): string[] {
  const rules = [...readRecords(entries).rules.values()];
  return [...new Set(rules.flatMap(({ acl }) => (acl.resourceType === 'TOPIC' ? [acl.resourceName] : [])))];
}

/** As it is stored. */
export function versioned<T extends object>(record: T): T & { v: number } {
  return { v: recordVersion, ...record };
}

type Loose = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && (value as Loose).v === recordVersion;
}

function isRule(value: Loose): value is Loose & RuleRecord {
  return (
    isAcl(value.acl) && typeof value.why === 'string' && isPhase(value.phase) && isTimes(value.removedAtMs)
  );
}

function isQuota(value: Loose): value is Loose & QuotaRecord {
  const { entity, key, value: amount, phase, removedAtMs } = value;
  const areTexts = typeof entity === 'string' && typeof key === 'string';
  return areTexts && typeof amount === 'number' && isPhase(phase) && isTimes(removedAtMs);
}

function isUser(value: Loose): value is Loose & UserRecord {
  const { name, mechanism, phase, atMs } = value;
  const isMechanism = mechanism === 'SCRAM-SHA-256' || mechanism === 'SCRAM-SHA-512';
  return typeof name === 'string' && isMechanism && isPhase(phase) && typeof atMs === 'number';
}

function isPhase(value: unknown): boolean {
  return value === 'intended' || value === 'made';
}

function isTimes(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'number');
}

const aclFields = [
  'resourceType',
  'resourceName',
  'patternType',
  'principal',
  'host',
  'operation',
  'permission',
];

function isAcl(value: unknown): value is Acl {
  if (typeof value !== 'object' || value === null) return false;
  return aclFields.every((field) => typeof (value as Loose)[field] === 'string');
}
