// The public door of the room: the rights that travel with a link.

export type { KeeperStore } from '../keeper-store.ts';
export { AclKeeper, type AclKeeperOptions } from './acl-keeper.ts';
export { agentPrincipalOf } from './agent-principal.ts';
export { ruledTopics } from './records.ts';
export { ruleKey } from './rules.ts';
export type { Leniency, MirrorOfLink, SuppliedUser } from './types.ts';
export { ownPrincipals, withholdingRules } from './withhold.ts';
