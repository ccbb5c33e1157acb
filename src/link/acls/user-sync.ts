// SCRAM users. Kafka tells who has a password, never the password: so users that are missing at the destination are
// reported, and made only with a password that the person who runs the link supplies.
//
// Whoever has a password already keeps it: nothing is overwritten, not even when another one is supplied later, since
// whether it differs can't be told without keeping something secret. Only "made by this link" is recorded.
import type { ScramUser } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import type { KeeperStore } from '../keeper-store.ts';
import { readRecords, type UserRecord, versioned } from './records.ts';
import type { DestinationRights, SourceRights } from './sides.ts';
import type { RightsState, SuppliedUser, UsersStatus } from './types.ts';

export interface UserSyncOptions {
  readonly source: Pick<SourceRights, 'users'>;
  readonly destination: Pick<DestinationRights, 'users' | 'setPassword'>;
  readonly store: KeeperStore;
  readonly wallClockMs: () => number;
  readonly onNotice: (level: 'info' | 'warning', text: string) => void;
}

export class UserSync {
  readonly #options: UserSyncOptions;
  #status: UsersStatus;

  constructor(options: UserSyncOptions) {
    this.#options = options;
    const sinceMs = options.wallClockMs();
    const nobody = { missing: [], created: [], warnings: [] };
    this.#status = { state: 'Starting', reason: null, sinceMs, lookedAtMs: null, ...nobody };
  }

  get status(): UsersStatus {
    return this.#status;
  }

  /**
   * `named`: principals of copied rules and quotas. Never rejects: what went wrong is the status.
   */
  async look(supplied: readonly SuppliedUser[], named: ReadonlySet<string>): Promise<void> {
    try {
      if (supplied.length === 0 && named.size === 0) return this.#set('Off', { reason: null });
      const there = await this.#options.destination.users();
      const { users: records } = readRecords(this.#options.store.entries());
      const plan = planUsers({ supplied, there, records });
      await this.#put(plan.seen.map((record): Entry => [record, 'made']));
      for (const user of plan.missing) await this.#create(user);
      const source = await this.#options.source.users().catch((error: unknown) => {
        if (!(error instanceof LockstepError)) throw error;
        return error;
      });
      const isSilent = source instanceof LockstepError;
      const has = new Set([...there, ...plan.missing].map(({ name }) => name));
      const missing = isSilent
        ? this.#status.missing
        : source.flatMap(({ name }) => (named.has(`User:${name}`) && !has.has(name) ? [name] : []));
      this.#tellMissing(missing);
      this.#set(isSilent ? 'SourceSilent' : 'Current', {
        reason: isSilent ? source.message : null,
        ...(isSilent ? {} : { lookedAtMs: this.#options.wallClockMs() }),
        missing,
        warnings: plan.warnings,
      });
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      this.#set(error.code === 'NOT_AUTHORIZED' ? 'NotAuthorized' : 'Failed', { reason: error.message });
    }
  }

  async #create(user: SuppliedUser): Promise<void> {
    const { name, mechanism } = user;
    const record: UserRecord = { name, mechanism, phase: 'intended', atMs: this.#options.wallClockMs() };
    await this.#put([[record, 'intended']]);
    const outcome = await this.#options.destination.setPassword(user);
    if (!outcome.ok) throw outcome.error;
    await this.#put([[record, 'made']]);
    this.#options.onNotice('info', `user ${name} made at the destination (${mechanism})`);
  }

  #tellMissing(missing: readonly string[]): void {
    const fresh = missing.filter((name) => !this.#status.missing.includes(name));
    if (fresh.length === 0) return;
    this.#options.onNotice(
      'warning',
      `users that rules or quotas name are missing at the destination: ${fresh.join(', ')}; Kafka tells no passwords: ` +
        'supply them in sync.users, or make the users with kafka-configs',
    );
  }

  async #put(entries: readonly Entry[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#options.store.put(
      new Map(
        entries.map(([record, phase]) => [
          `user/${record.mechanism}/${record.name}`,
          versioned({ ...record, phase }),
        ]),
      ),
    );
  }

  #set(state: RightsState, rest: Partial<UsersStatus>): void {
    const { wallClockMs, store, onNotice } = this.#options;
    const isChange = state !== this.#status.state;
    const sinceMs = isChange ? wallClockMs() : this.#status.sinceMs;
    const created = [...readRecords(store.entries()).users.values()].map(({ name }) => name);
    this.#status = { ...this.#status, ...rest, state, sinceMs, created };
    if (isChange && this.#status.reason !== null)
      onNotice('warning', `users: ${state}: ${this.#status.reason}`);
  }
}

type Entry = readonly [record: UserRecord, phase: UserRecord['phase']];

/** Whom to make, and whom to leave alone; pure. */
function planUsers(input: {
  readonly supplied: readonly SuppliedUser[];
  readonly there: readonly ScramUser[];
  readonly records: ReadonlyMap<string, UserRecord>;
}): { missing: SuppliedUser[]; seen: UserRecord[]; warnings: string[] } {
  const { supplied, there, records } = input;
  const missing: SuppliedUser[] = [];
  const seen: UserRecord[] = [];
  const warnings: string[] = [];
  for (const user of supplied) {
    const { name, mechanism } = user;
    const record = records.get(`${mechanism}/${name}`);
    const isThere = there.some((other) => other.name === name && other.mechanisms.includes(mechanism));
    if (isThere && record?.phase === 'intended') seen.push(record);
    else if (isThere && record === undefined)
      warnings.push(`user ${name} (${mechanism}) was there before this link and keeps its password`);
    else if (!isThere && record?.phase === 'made')
      warnings.push(
        `user ${name} (${mechanism}) was made by this link and removed by somebody else; take it out of sync.users, ` +
          'or make it with kafka-configs',
      );
    else if (!isThere) missing.push(user);
  }
  return { missing, seen, warnings };
}
