// Topics that only a former primary has: what was written to them stands there alone.
import type { RolesRecord } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { within } from '../../patience.ts';
import { plural } from '../../units.ts';
import { type NeverMirrored, neverMirrored, neverMirroredWords } from '../never-mirrored.ts';
import type { OpenGroup } from '../types.ts';
import type { Problem } from './types.ts';

/** A region that does not tell by then is not waited for, ms. */
const lookMsMax = 5_000;

/** Regions that are gone are told as such elsewhere. */
export async function findNeverMirrored(group: OpenGroup, roles: RolesRecord | null): Promise<Problem[]> {
  if (roles === null) return [];
  const found = await Promise.all(
    [...group.regions.values()].map(async (region): Promise<Problem[]> => {
      if (region.cluster === null) return [];
      try {
        const asked = neverMirrored(group, roles, region);
        return problemsOf(region.name, await within(asked, lookMsMax, 'listing topics'));
      } catch (error) {
        if (!(error instanceof LockstepError)) throw error;
        return [
          {
            what: `whether ${region.name} has topics that never came over is unknown: ${error.message}`,
            remedy:
              'look again; whoever looks needs DESCRIBE on the topics of both regions (docs/security.md)',
          },
        ];
      }
    }),
  );
  return found.flat();
}

function problemsOf(region: string, topics: readonly NeverMirrored[]): Problem[] {
  const byPrimary = Map.groupBy(topics, ({ primary }) => primary);
  return Array.from(byPrimary, ([primary, own]) => ({
    what: `${plural(own.length, 'topic')} of ${region} never came over to ${primary}, which is primary: ${neverMirroredWords(own)}`,
    remedy: `nothing touches them; a switchover to ${region} mirrors them. Or read what is needed, and delete them there; one that is created at ${primary} meanwhile is Diverged at ${region}, and a restore keeps what it holds`,
  }));
}
