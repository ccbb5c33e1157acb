// Client quotas that are copied by name: `user=app`, `client-id=x`, `user=app,client-id=x`, `user=<default>`. Pure.
//
// Only the keys that the source has are set. A quota that was there before is not ours, and one of ours that somebody
// changed is theirs from then on; both stay as they are.
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  type ClientQuota,
  describeQuotaEntity,
  type QuotaChange,
  type QuotaEntity,
} from '../../client/index.ts';
import { missingAgain, pauseEndMs } from './foreign.ts';
import type { QuotaRecord } from './records.ts';
import type { ForeignRule } from './types.ts';

export interface QuotaPlanInput {
  /** As in `sync.quotas`. */
  readonly names: readonly string[];
  readonly source: readonly ClientQuota[];
  readonly destination: readonly ClientQuota[];
  readonly records: ReadonlyMap<string, QuotaRecord>;
  /** Since 1970. */
  readonly nowMs: number;
}

export interface QuotaPlan {
  /** Written before anything changes. */
  readonly records: ReadonlyMap<string, QuotaRecord>;
  readonly changes: readonly QuotaChange[];
  /** Removed when the changes are made. */
  readonly forgotten: readonly string[];
  readonly foreign: readonly ForeignRule[];
  readonly warnings: readonly string[];
}

const defaultName = '<default>';

/** Null where the text names no entity. A user's name may hold commas, as those of certificates do. */
export function readQuotaEntity(text: string): QuotaEntity | null {
  const match = /^(?:user=(.+?))?(?:(?:^|,)client-id=(.+))?$/.exec(text.trim());
  const [user, clientId] = [match?.[1], match?.[2]];
  if (user === undefined && clientId === undefined) return null;
  return {
    ...(user !== undefined && { user: user === defaultName ? null : user }),
    ...(clientId !== undefined && { 'client-id': clientId === defaultName ? null : clientId }),
  };
}

export function planQuotas({ names, source, destination, records, nowMs }: QuotaPlanInput): QuotaPlan {
  const { wanted, warnings } = wantedQuotas(names, source);
  const there = byId(destination);
  const written = new Map<string, QuotaRecord>();
  const foreign: ForeignRule[] = [];
  const changes: SingleChange[] = [];
  for (const [id, { entity, key, value }] of wanted) {
    const name = describeQuotaEntity(entity);
    const [held, known] = [there.get(id)?.value, records.get(id)];
    const isOurs = known !== undefined && (held === known.value || isUnderWay(known));
    if (held !== undefined && held !== value && !isOurs) {
      warnings.push(`${name} ${key}: ${held} at the destination is not this link's; the source has ${value}`);
    } else if (held === value) {
      if (known?.phase === 'intended') written.set(id, { ...known, value, phase: 'made' });
    } else {
      const fresh: QuotaRecord = { entity: name, key, value, phase: 'intended', removedAtMs: [] };
      const next =
        known === undefined || held !== undefined ? fresh : { ...missingAgain(known, nowMs), value };
      if (!isDeepStrictEqual(next, known)) written.set(id, next);
      const resumesAtMs = pauseEndMs(next.removedAtMs, nowMs);
      if (resumesAtMs === null) changes.push({ entity, key, value });
      else foreign.push({ rule: `${name} ${key}`, removedCount: next.removedAtMs.length, resumesAtMs });
    }
  }
  const gone = [...records].filter(([id]) => !wanted.has(id));
  for (const [id, record] of gone) {
    const held = there.get(id);
    if (held?.value === record.value) changes.push({ ...held, value: null });
  }
  return {
    records: written,
    changes: grouped(changes),
    forgotten: gone.map(([id]) => id),
    foreign,
    warnings,
  };
}

/** The change may not have been made yet, so that the value is still a former one of ours. Where it was removed, there is none. */
function isUnderWay({ phase, removedAtMs }: QuotaRecord): boolean {
  return phase === 'intended' && removedAtMs.length === 0;
}

interface SingleQuota {
  readonly entity: QuotaEntity;
  readonly key: string;
  readonly value: number;
}
type SingleChange = Omit<SingleQuota, 'value'> & { readonly value: number | null };

function wantedQuotas(
  names: readonly string[],
  source: readonly ClientQuota[],
): { wanted: ReadonlyMap<string, SingleQuota>; warnings: string[] } {
  const entities = names.map((text) => ({ text, entity: readQuotaEntity(text) }));
  const chosen = new Set(
    entities.flatMap(({ entity }) => (entity === null ? [] : [describeQuotaEntity(entity)])),
  );
  return {
    wanted: byId(source.filter(({ entity }) => chosen.has(describeQuotaEntity(entity)))),
    warnings: entities.flatMap(({ text, entity }) =>
      entity === null ? [`sync.quotas: ${JSON.stringify(text)} names no user and no client id`] : [],
    ),
  };
}

function byId(quotas: readonly ClientQuota[]): ReadonlyMap<string, SingleQuota> {
  return new Map(
    quotas.flatMap(({ entity, values }) =>
      [...values].map(([key, value]) => [idOf(entity, key), { entity, key, value }] as const),
    ),
  );
}

function idOf(entity: QuotaEntity, key: string): string {
  const { user, 'client-id': clientId, ip } = entity;
  // JSON tells the default (null) from a kind that is not part of the entity.
  const parts = [user === undefined ? [] : [user], clientId === undefined ? [] : [clientId], ip ?? '', key];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/** One change for each entity, as Kafka wants it. */
function grouped(changes: readonly SingleChange[]): QuotaChange[] {
  const entities = new Map<string, { entity: QuotaEntity; changes: Map<string, number | null> }>();
  for (const { entity, key, value } of changes) {
    const name = describeQuotaEntity(entity);
    const found = entities.get(name) ?? { entity, changes: new Map<string, number | null>() };
    found.changes.set(key, value);
    entities.set(name, found);
  }
  return [...entities.values()];
}
