// Two clusters' rules in memory, and a store: what the keeper of rights works on in unit tests. Every single change calls
// `onStep`, which may throw to play a crash in the middle.
import type { Acl, ClientQuota, Outcome, QuotaChange, ScramUser } from '../../src/client/index.ts';
import { describeAcl, describeQuotaEntity } from '../../src/client/index.ts';
import type { LockstepError } from '../../src/errors.ts';
import type { KeeperStore, Leniency, SuppliedUser } from '../../src/link/acls/index.ts';
import type { DestinationRights, SourceRights } from '../../src/link/acls/sides.ts';
import { isAllowed } from './model-authorizer.ts';

export class FakeRights implements DestinationRights, SourceRights {
  acls = new Map<string, Acl>();
  quotaValues = new Map<string, ClientQuota>();
  scram = new Map<string, { mechanisms: ScramUser['mechanisms']; password: string }>();
  hasAuthorizer = true;
  /** Thrown by every question. */
  failure: LockstepError | null = null;
  leniencyFound: Leniency = 'off';
  /** Whom the cluster takes the keeper for; null: somebody who may write nowhere. */
  agent: string | null = null;
  onStep: (step: string) => void = () => {};

  add(...acls: readonly Acl[]): void {
    for (const acl of acls) this.acls.set(describeAcl(acl), acl);
  }

  remove(...acls: readonly Acl[]): void {
    for (const acl of acls) this.acls.delete(describeAcl(acl));
  }

  has(acl: Acl): boolean {
    return this.acls.has(describeAcl(acl));
  }

  get shown(): string[] {
    return [...this.acls.keys()].sort();
  }

  async rules(): Promise<Acl[] | null> {
    if (this.failure) throw this.failure;
    return this.hasAuthorizer ? [...this.acls.values()] : null;
  }

  async leniency(): Promise<Leniency> {
    return this.leniencyFound;
  }

  async writable(topics: readonly string[]): Promise<ReadonlySet<string>> {
    const [host, operation, resourceType] = ['10.0.0.9', 'WRITE', 'TOPIC'] as const;
    const acls = [...this.acls.values()];
    return new Set(
      topics.filter(
        (resourceName) =>
          this.agent !== null &&
          isAllowed(acls, { principal: this.agent, host, operation, resourceType, resourceName }),
      ),
    );
  }

  async untilShown(): Promise<void> {}

  async create(rules: readonly Acl[]): Promise<Outcome<void>[]> {
    return rules.map((acl) => {
      this.add(acl);
      this.onStep(`made ${describeAcl(acl)}`);
      return { ok: true, value: undefined };
    });
  }

  async delete(rules: readonly Acl[]): Promise<Outcome<void>[]> {
    return rules.map((acl) => {
      this.remove(acl);
      this.onStep(`deleted ${describeAcl(acl)}`);
      return { ok: true, value: undefined };
    });
  }

  async quotas(): Promise<ClientQuota[]> {
    if (this.failure) throw this.failure;
    return [...this.quotaValues.values()];
  }

  async alterQuotas(changes: readonly QuotaChange[]): Promise<Outcome<void>[]> {
    return changes.map(({ entity, changes: values }) => {
      const name = describeQuotaEntity(entity);
      const held = new Map(this.quotaValues.get(name)?.values);
      for (const [key, value] of values) value === null ? held.delete(key) : held.set(key, value);
      if (held.size === 0) this.quotaValues.delete(name);
      else this.quotaValues.set(name, { entity, values: held });
      return { ok: true, value: undefined };
    });
  }

  async users(): Promise<ScramUser[]> {
    if (this.failure) throw this.failure;
    return [...this.scram].map(([name, { mechanisms }]) => ({ name, mechanisms }));
  }

  async setPassword({ name, mechanism, password }: SuppliedUser): Promise<Outcome<void>> {
    this.scram.set(name, { mechanisms: [mechanism], password });
    return { ok: true, value: undefined };
  }
}

export class FakeStore implements KeeperStore {
  readonly values = new Map<string, unknown>();
  onStep: (step: string) => void = () => {};

  entries(): ReadonlyMap<string, unknown> {
    return this.values;
  }

  async put(entries: ReadonlyMap<string, object | null>): Promise<void> {
    this.onStep('write');
    for (const [key, value] of entries)
      if (value === null) this.values.delete(key);
      // As the control topic does: what comes back was JSON.
      else this.values.set(key, JSON.parse(JSON.stringify(value)));
    this.onStep('written');
  }
}

/** `ALLOW User:app READ on TOPIC LITERAL orders from *`, the words of `describeAcl`. */
export function acl(text: string): Acl {
  const match = /^(ALLOW|DENY) (\S+) (\S+) on (\S+) (LITERAL|PREFIXED) (\S+)(?: from (\S+))?$/.exec(text);
  if (match === null) throw new Error(`not a rule: ${text}`);
  const [, permission, principal, operation, resourceType, patternType, resourceName, host = '*'] = match;
  return { permission, principal, operation, resourceType, patternType, resourceName, host } as Acl;
}
