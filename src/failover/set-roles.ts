// Roles are written to the regions one by one; a region has them, or something newer, or takes them.
import { followed, type RolesRecord } from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import type { OpenGroup, OpenRegion } from './types.ts';
import { waitUntil } from './wait-until.ts';

const answerMsMax = 10_000;

/**
 * Does nothing where the region has these roles, or newer ones that follow upon them.
 * @throws LockstepError as its leader refuses; where the region was turned apart from these roles
 */
export async function setRolesAt(region: OpenRegion, roles: RolesRecord): Promise<void> {
  const known = (): RolesRecord | undefined => region.state?.roles.get(roles.group);
  const hasThem = (): boolean => {
    const theirs = known();
    if (theirs === undefined || theirs.generation < roles.generation) return false;
    if (followed(theirs, roles).kind === 'none') return true;
    throw new LockstepError(
      'USAGE',
      `region ${region.name} has other roles, of generation ${theirs.generation} (${theirs.changedBy} by ${theirs.by}): ` +
        `${theirs.primary.region} is primary there`,
    );
  };
  if (hasThem()) return;
  const answer = await region.send(
    { do: 'setRoles', roles, ifGeneration: known()?.generation ?? 0 },
    { timeoutMs: answerMsMax },
  );
  if (answer.state === 'done' || hasThem()) return;
  throw new LockstepError(answer.code ?? 'USAGE', `region ${region.name}: ${answer.message}`);
}

/**
 * Tells every other region of the group, for so long at most; answers which could not be told, and why. Those learn it
 * from the others as soon as one of their agents reaches a region that knows.
 */
export async function setRolesElsewhere(
  group: OpenGroup,
  home: string,
  roles: RolesRecord,
  options: { readonly patienceMs: number; readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, string>> {
  const untold = new Map(group.config.regions.filter((name) => name !== home).map((name) => [name, '']));
  const tell = async (name: string): Promise<void> => {
    const region = group.regions.get(name)!;
    if (region.cluster === null) {
      untold.set(name, region.reason);
      return;
    }
    try {
      await setRolesAt(region, roles);
      untold.delete(name);
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      untold.set(name, error.message);
    }
  };
  await waitUntil(
    async () => {
      await Promise.all([...untold.keys()].map(tell));
      if (untold.size > 0) await group.reopen();
      return untold.size === 0;
    },
    { ...options, everyMs: 500 },
  );
  return untold;
}
