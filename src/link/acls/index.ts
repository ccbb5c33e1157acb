// The public door of the room: the rights that travel with a link.
export { AclKeeper, type AclKeeperConfig, type AclKeeperOptions } from './acl-keeper.ts';
export type {
  AclKeeperStatus,
  AclSettings,
  ForeignRule,
  KeeperStore,
  Leniency,
  MirrorOfLink,
  QuotasStatus,
  RightsState,
  RightsStatus,
  SuppliedUser,
  UnprotectedMirror,
  UsersStatus,
} from './types.ts';
