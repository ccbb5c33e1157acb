// A DENY for the agent's own principal would stop the mirrors. Which one that is, is told by a configuration that may be
// wrong (brokers can map names by rules of their own); so what we may do is asked before and after DENYs are made, and
// they are taken back where they hit ourselves.
import type { Acl } from '../../client/index.ts';
import { putRecords } from './carry-out.ts';
import type { Plan } from './plan.ts';
import { ruleKey } from './rules.ts';
import type { DestinationRights } from './sides.ts';
import type { KeeperStore } from './types.ts';

type Asked = Pick<DestinationRights, 'writable' | 'untilShown' | 'delete'>;

/** Runs `make`; false where the plan's DENY WRITEs took WRITE from ourselves: they are gone again then. */
export async function withoutLockout(
  plan: Plan,
  { destination, store }: { destination: Asked; store: KeeperStore },
  make: () => Promise<readonly Acl[]>,
): Promise<{ after: readonly Acl[]; isLockedOut: boolean }> {
  const denies = plan.denies.filter((acl) => plan.records.get(ruleKey(acl))?.why === 'withheld');
  const topics = [...new Set(denies.map(({ resourceName }) => resourceName))];
  const before = topics.length === 0 ? null : await destination.writable(topics);
  const after = await make();
  if (before === null || before.size === 0) return { after, isLockedOut: false };
  // Rules reach a broker in the order in which they were made.
  await destination.untilShown(denies.at(-1)!);
  const now = await destination.writable([...before]);
  if (now === null || now.size === before.size) return { after, isLockedOut: false };
  const lost = denies.filter(({ resourceName }) => before.has(resourceName) && !now.has(resourceName));
  await destination.delete(lost);
  await putRecords(
    store,
    lost.map((acl) => [`rule/${ruleKey(acl)}`, null]),
  );
  const gone = new Set(lost.map(ruleKey));
  return { after: after.filter((acl) => !gone.has(ruleKey(acl))), isLockedOut: true };
}
