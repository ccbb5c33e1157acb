// Client quotas (KIP-546): describe, set and remove. An entity is a user, a client id, both of them, or an IP; a null name
// stands for the default of its kind.
import { apis } from '../../protocol/index.ts';
import type { Cluster } from '../cluster.ts';
import type { RequestOptions } from '../cluster-options.ts';
import { type Outcome, outcomeOf } from './outcome.ts';

export type QuotaEntityType = 'user' | 'client-id' | 'ip';

/** One name per kind; null is the default of that kind. */
export type QuotaEntity = Readonly<Partial<Record<QuotaEntityType, string | null>>>;

export interface ClientQuota {
  readonly entity: QuotaEntity;
  /** Values by key: `producer_byte_rate`, `consumer_byte_rate`, `request_percentage`, ... */
  readonly values: ReadonlyMap<string, number>;
}

export interface QuotaChange {
  readonly entity: QuotaEntity;
  /** null removes the key. */
  readonly changes: ReadonlyMap<string, number | null>;
}

/** All quotas of the cluster. Needs DESCRIBE_CONFIGS on the cluster. */
export async function describeClientQuotas(
  cluster: Cluster,
  options: Pick<RequestOptions<unknown>, 'timeoutMs'> = {},
): Promise<ClientQuota[]> {
  const answer = await cluster.request(
    apis.DescribeClientQuotas,
    { components: [], strict: false },
    { ...options, what: 'describing client quotas' },
  );
  return (answer.entries ?? []).map(({ entity, values }) => ({
    entity: Object.fromEntries(entity.map(({ entityType, entityName }) => [entityType, entityName])),
    values: new Map(values.map(({ key, value }) => [key, value])),
  }));
}

/** One outcome per change, in their order. Needs ALTER_CONFIGS on the cluster. */
export async function alterClientQuotas(
  cluster: Cluster,
  changes: readonly QuotaChange[],
): Promise<Outcome<void>[]> {
  const answer = await cluster.request(
    apis.AlterClientQuotas,
    {
      entries: changes.map((change) => ({
        entity: Object.entries(change.entity).map(([entityType, entityName]) => ({ entityType, entityName })),
        ops: [...change.changes].map(([key, value]) => ({ key, value: value ?? 0, remove: value === null })),
      })),
      validateOnly: false,
    },
    { to: 'controller', what: 'altering client quotas' },
  );
  return changes.map((change) => {
    const name = describeQuotaEntity(change.entity);
    const entry = answer.entries.find(({ entity }) => nameOf(entity) === name) ?? {
      errorCode: -1,
      errorMessage: 'it has no answer',
    };
    return outcomeOf(cluster, entry, `altering the quota of ${name}`, () => undefined);
  });
}

/** `user=app,client-id=x`; `user=<default>` for the default of its kind. */
export function describeQuotaEntity(entity: QuotaEntity): string {
  return (['user', 'client-id', 'ip'] as const)
    .flatMap((type) => {
      const name = entity[type];
      return name === undefined ? [] : [`${type}=${name ?? '<default>'}`];
    })
    .join(',');
}

function nameOf(entity: readonly { entityType: string; entityName: string | null }[]): string {
  return describeQuotaEntity(
    Object.fromEntries(entity.map(({ entityType, entityName }) => [entityType, entityName])),
  );
}
