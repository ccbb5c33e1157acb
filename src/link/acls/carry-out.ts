// Carries a plan out in the order that plan.ts gives. What fails stops whatever must not come before it, and the next
// look begins again from what is there.
import type { Acl, Outcome } from '../../client/index.ts';
import type { LockstepError } from '../../errors.ts';
import type { KeeperStore } from '../keeper-store.ts';
import type { Plan } from './plan.ts';
import { versioned } from './records.ts';
import { byKey, ruleKey } from './rules.ts';
import type { DestinationRights } from './sides.ts';

/** About 300 bytes each: far below what a topic takes in one batch. */
const recordsPerWrite = 500;

export type Entry = readonly [key: string, value: object | null];

/**
 * The rules that stand afterwards.
 * @throws LockstepError the first failure, after everything that did not depend on it.
 */
export async function carryOut(
  plan: Plan,
  before: readonly Acl[],
  { destination, store }: { destination: Pick<DestinationRights, 'create' | 'delete'>; store: KeeperStore },
): Promise<Acl[]> {
  const rules = byKey(before);
  const failures: LockstepError[] = [];
  const make = async (acls: readonly Acl[]) => {
    if (acls.length === 0) return;
    for (const acl of succeeded(await destination.create(acls), acls, failures)) rules.set(ruleKey(acl), acl);
  };
  const drop = async (acls: readonly Acl[]) => {
    if (acls.length === 0) return;
    for (const acl of succeeded(await destination.delete(acls), acls, failures)) rules.delete(ruleKey(acl));
  };
  await putRecords(
    store,
    [...plan.records].map(([key, record]) => [`rule/${key}`, record]),
  );
  await make(plan.denies);
  if (failures.length === 0) await make(plan.allows);
  await drop(plan.deletedAllows);
  if (failures.length === 0) await drop(plan.deletedDenies);
  const gone = plan.forgotten.filter((key) => !rules.has(key));
  const handedOver = failures.length === 0 ? plan.handedOver : [];
  await putRecords(
    store,
    [...new Set([...gone, ...handedOver])].map((key) => [`rule/${key}`, null]),
  );
  if (failures[0] !== undefined) throw failures[0];
  return [...rules.values()];
}

export async function putRecords(store: KeeperStore, entries: readonly Entry[]): Promise<void> {
  for (let start = 0; start < entries.length; start += recordsPerWrite) {
    const portion = entries.slice(start, start + recordsPerWrite);
    await store.put(new Map(portion.map(([key, value]) => [key, value === null ? null : versioned(value)])));
  }
}

function succeeded(
  outcomes: readonly Outcome<unknown>[],
  acls: readonly Acl[],
  failures: LockstepError[],
): Acl[] {
  return acls.filter((_, index) => {
    const outcome = outcomes[index]!;
    if (!outcome.ok) failures.push(outcome.error);
    return outcome.ok;
  });
}
