// The public door of the room: the rights that travel with a link.

export type { KeeperStore } from '../keeper-store.ts';
export { AclKeeper, type AclKeeperConfig, type AclKeeperOptions } from './acl-keeper.ts';
export { agentPrincipalOf } from './agent-principal.ts';
export { ruledTopics } from './records.ts';
export { ruleKey } from './rules.ts';
export type {
  AclKeeperStatus,
  AclSettings,
  ForeignRule,
  Leniency,
  MirrorOfLink,
  QuotasStatus,
  RightsState,
  RightsStatus,
  SuppliedUser,
  UnprotectedMirror,
  UsersStatus,
} from './types.ts';
export { ownPrincipals, withholdingRules } from './withhold.ts';
