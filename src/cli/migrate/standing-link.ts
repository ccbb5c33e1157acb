// The link of this name that stands in the fleet already: one whose mirrors are called otherwise can't go on in the topics
// of MirrorMaker 2, and `lockstep run` would refuse the file only when everything has been taken over.
import type { LinkRecord, MirrorRecord } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { type LinkConfig, mirrorNameOf, resolveLinkDeclaration } from '../../topology/index.ts';
import { plural } from '../../units.ts';

/** What the fleet of the destination knows. */
export interface StandingFleet {
  readonly links: ReadonlyMap<string, LinkRecord>;
  readonly mirrors: readonly MirrorRecord[];
}

/** @throws LockstepError USAGE with the commands that make way. */
export function requireSameNames(link: LinkConfig, { links, mirrors }: StandingFleet, file: string): void {
  const { name, destination } = link;
  const standing = links.get(name);
  const count = mirrors.filter((mirror) => mirror.link === name).length;
  if (standing === undefined || standing.isDeleted === true || count === 0) return;
  const { source, config } = standing;
  const before = resolveLinkDeclaration({ name, source: source.name, destination, config }, 'unresolved');
  const [was, is] = [before, link].map((one) => mirrorNameOf(one, 'TOPIC'));
  if (was === is) return;
  throw new LockstepError(
    'USAGE',
    `link ${name} stands in the fleet of ${destination} already, with ${plural(count, 'mirror')} called ${was}, and ${file} calls them ${is}. ` +
      `Delete it first: lockstep agent --file ${file} --cluster ${destination}, and beside it: lockstep links delete ${name} --with-mirrors --file ${file} --cluster ${destination}`,
  );
}
