// No link is created or changed into one on which a topic would come back, as far as flows are known (docs/loops.md).

import { type FlowRecord, flowOf, toldFlows } from '../../control/flows.ts';
import { type FleetState, type LinkDeclaration, type LinkRecord, rolesOfLink } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { drawn, type FlowEnd, findLoop, type LinkConfig, type LinkFlow } from '../../topology/index.ts';

export interface LoopFacts {
  /** The cluster that this fleet writes to. */
  readonly own: FlowEnd;
  readonly nowMs: number;
  resolve(declaration: LinkDeclaration): LinkConfig;
}

/**
 * @param links all links of the fleet as they are to be
 * @param changed names of those that are new or other than they were; those that take no more than before are let through
 * @throws LockstepError CONFIG_INVALID with the way drawn
 */
export function refuseLoops(
  state: FleetState,
  links: readonly (LinkDeclaration | LinkRecord)[],
  changed: readonly string[],
  facts: LoopFacts,
): void {
  if (changed.length === 0) return;
  const told = toldFlows(state, facts.nowMs).filter(({ destination }) => destination.id !== facts.own.id);
  const own = links.map((link) => ownFlow(state, link, facts));
  // A way out may take a step at each link: none of them alone opens the circle.
  const wider = changed.filter((name) => {
    const before = state.links.get(name);
    const flow = own.find(({ link }) => link === name);
    if (before === undefined || before.isDeleted === true || flow === undefined) return true;
    return !takesNoMore(flow, ownFlow(state, before, facts));
  });
  const loop = findLoop([...own, ...told], new Set(wider));
  if (loop === null) return;
  const ways = [...new Set(loop.flatMap(({ link }) => link ?? []))];
  const heard = told
    .filter(({ link }) => ways.includes(link) && !changed.includes(link))
    .map((flow) => heardOf(flow, facts.nowMs))
    .join(', ');
  const name = ways.find((link) => wider.includes(link)) ?? wider[0];
  throw new LockstepError(
    'CONFIG_INVALID',
    `link ${name}: a loop: ${drawn(loop)} (links ${ways.join(', ')}): what is written once would come back. Leave the mirrors out of one of these links (excludeTopics), or delete one${heard === '' ? '' : ` (${heard}; what is gone is forgotten an hour later)`}; without loops: docs/loops.md`,
  );
}

/** Whether a link that was altered brings the same topics as before, or fewer, under the same names. */
function takesNoMore(now: LinkFlow, before: LinkFlow): boolean {
  const names = ({ group, source, prefix, mirrorMaker }: LinkFlow): string =>
    JSON.stringify([group ?? null, prefix, mirrorMaker, source.id ?? source.addresses ?? null]);
  return (
    names(now) === names(before) &&
    now.topics.every((item) => before.topics.includes(item)) &&
    before.excludeTopics.every((item) => now.excludeTopics.includes(item)) &&
    (before.closed ?? []).every((topic) => now.closed?.includes(topic) === true)
  );
}

/** Who told of it, and when: a link that is deleted already may not have been taken back. */
function heardOf({ link, destination, atMs }: FlowRecord, nowMs: number): string {
  const minutes = Math.max(0, Math.round((nowMs - atMs) / 60_000));
  return `the fleet of ${destination.name} told of ${link} ${minutes} min ago`;
}

/** A link of this fleet, with what is known of it here. */
export function ownFlow(
  state: FleetState,
  link: LinkDeclaration | LinkRecord,
  { own, resolve }: Pick<LoopFacts, 'own' | 'resolve'>,
): LinkFlow {
  const { name } = link;
  // Another link may have reached it already.
  const bootstrap = JSON.stringify(link.source.bootstrap);
  const sourceClusterId = [state.links.get(name), ...state.links.values()].find(
    (known) => known?.sourceClusterId !== undefined && JSON.stringify(known.source.bootstrap) === bootstrap,
  )?.sourceClusterId;
  const group = rolesOfLink(state.roles, name)?.group ?? link.group;
  const closed = [...state.mirrors.values()].flatMap((mirror) =>
    mirror.link === name && mirror.state === 'Promoted' ? [mirror.sourceTopic] : [],
  );
  const record = { ...link, ...(sourceClusterId !== undefined && { sourceClusterId }) } as LinkRecord;
  return flowOf(record, resolve(link), { destination: { ...own, name: link.destination }, group, closed });
}
