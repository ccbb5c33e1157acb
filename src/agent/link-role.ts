// What the roles of replication groups mean for a link at this region: whether it may copy a topic now, and why not.
import { type FleetState, type LinkRecord, roleOf, rolesOfLink, type TopicRole } from '../control/index.ts';
import type { TopicHold } from '../link/index.ts';
import { splitRoles } from './leader/conditions.ts';

export type LinkRole =
  | TopicRole
  /** The link belongs to a group of which no roles stand here yet. */
  | { readonly kind: 'undeclared'; readonly group: string }
  /** Both sides were changed apart from each other: see the link's condition. */
  | { readonly kind: 'split'; readonly reason: string };

/** @param declaredGroup of the agent's own file, whose links may not have been written down yet */
export function linkRole(
  state: FleetState,
  link: LinkRecord,
  topic: string,
  declaredGroup?: string,
): LinkRole {
  const condition = state.conditions.get(link.name);
  if (condition?.state === splitRoles) return { kind: 'split', reason: condition.reason };
  const role = roleOf(state.roles, link, topic);
  const group = link.group ?? declaredGroup;
  return role.kind === 'free' && group !== undefined ? { kind: 'undeclared', group } : role;
}

/** Why nothing of a topic is copied, in words; null where roles have nothing against it. */
export function holdOf(role: LinkRole): TopicHold | null {
  switch (role.kind) {
    case 'free':
    case 'copies':
      return null;
    case 'standby':
      return { state: 'Standby', reason: `${role.primary} is primary for it in the group ${role.group}` };
    case 'awaitsRestore':
      return {
        state: 'AwaitsRestore',
        reason: `its log at ${role.region} may differ, since a failover of the group ${role.group} or because somebody else wrote to it; compare and mend it with: lockstep restore ${role.region}`,
      };
    case 'undeclared':
      return {
        state: 'Standby',
        reason: `no roles of the group ${role.group} stand here yet; \`lockstep run FILE\` writes them`,
      };
    case 'split':
      return { state: 'Standby', reason: role.reason };
  }
}

/** Whether a topic of this link at its destination is the mirror of its source, be it copied now or not. */
export function isMirrorSide(role: LinkRole): boolean {
  return role.kind === 'copies' || role.kind === 'awaitsRestore';
}

/** Grows or changes whenever what roles say of a link may have. */
export function rolesFor(state: FleetState, link: string): string {
  const generation = rolesOfLink(state.roles, link)?.generation ?? 0;
  return `${generation}${state.conditions.get(link)?.state === splitRoles ? ' split' : ''};`;
}
