// Roles are written to the regions one by one; a region has them, or something newer, or takes them.
import type { RolesRecord } from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import type { OpenGroup, OpenRegion } from './types.ts';
import { waitUntil } from './wait-until.ts';

const answerMsMax = 10_000;

/** Does nothing where the region has these roles, or newer ones. @throws LockstepError as its leader refuses */
export async function setRolesAt(region: OpenRegion, roles: RolesRecord): Promise<void> {
  const known = (): number => region.state?.roles.get(roles.group)?.generation ?? 0;
  if (known() >= roles.generation) return;
  const answer = await region.send(
    { do: 'setRoles', roles, ifGeneration: known() },
    { timeoutMs: answerMsMax },
  );
  if (answer.state === 'done' || known() >= roles.generation) return;
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
