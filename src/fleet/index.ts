// The public door of the room: who of the fleet does what.
export { Membership } from './membership.ts';
export type { FleetProtocol, MemberView } from './protocol.ts';
export { keyOf, type MembershipOptions, type MembershipStatus, type WorkItem } from './types.ts';
