// Keeps the rights of one link: rules, client quotas, SCRAM users. Run by the leader alone, who also owns the store.
// Looks every few seconds; one look, one release or one change at a time.
import { type Clock, type Cluster, systemClock } from '../../client/index.ts';
import type { KeeperStore } from '../keeper-store.ts';
import type { Notice } from '../notice.ts';
import { agentPrincipalOf } from './agent-principal.ts';
import { readQuotaEntity } from './quota-plan.ts';
import { QuotaSync } from './quota-sync.ts';
import { RuleSync, type RuleSyncConfig } from './rule-sync.ts';
import {
  type DestinationRights,
  destinationRights,
  interruptible,
  type SourceRights,
  sourceRights,
} from './sides.ts';
import type { AclKeeperStatus, AclSettings, MirrorOfLink, SuppliedUser } from './types.ts';
import { UserSync } from './user-sync.ts';

/** What may change while it runs. */
export interface AclKeeperConfig {
  /** `sync.acls`; null: ACLs are left alone. */
  readonly config: AclSettings | null;
  /** Whether the rules of this principal (`User:app`) are copied; `matchesPrincipal` of the topology. */
  readonly selects: (principal: string) => boolean;
  /** `sync.quotas`. */
  readonly quotas: readonly string[];
  /** `sync.users`. */
  readonly users: readonly SuppliedUser[];
}

export interface AclKeeperOptions extends AclKeeperConfig {
  readonly source: Cluster;
  readonly destination: Cluster;
  readonly store: KeeperStore;
  readonly mirrors: () => readonly MirrorOfLink[];
  /**
   * Whom the destination takes the agent for now, as in ACLs: `User:agent`; null: not known (certificates, tokens), see
   * docs/acls.md. Default: as the destination's credentials tell, which may rotate.
   */
  readonly agentPrincipal?: () => string | null;
  readonly onNotice: (notice: Notice) => void;
  readonly clock?: Clock;
  /** Milliseconds since 1970, for what is recorded. */
  readonly wallClockMs?: () => number;
  /** Instead of the clusters themselves, in tests. */
  readonly sides?: { readonly source: SourceRights; readonly destination: DestinationRights };
}

/** A promotion does not wait longer for a source that may be gone, ms, unless it says so: its rules as last seen are taken. */
const releasePatienceMs = 2_000;
/** Where only quotas or users are looked after, ms. */
const everyMsDefault = 5_000;

export class AclKeeper {
  readonly #options: AclKeeperOptions;
  readonly #clock: Clock;
  readonly #rules: RuleSync;
  readonly #quotas: QuotaSync;
  readonly #users: UserSync;
  #config: AclKeeperConfig;
  #cancelTimer: (() => void) | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  readonly #stopping = new AbortController();
  /** Aborted to wait for the source's answers no longer. */
  #patience = new AbortController();
  #isStarted = false;

  constructor(options: AclKeeperOptions) {
    this.#options = options;
    this.#config = options;
    this.#clock = options.clock ?? systemClock;
    const wallClockMs = options.wallClockMs ?? Date.now;
    const shared = {
      source: interruptible(
        options.sides?.source ?? sourceRights(options.source),
        () => this.#patience.signal,
      ),
      destination: options.sides?.destination ?? destinationRights(options.destination),
      store: options.store,
      wallClockMs,
      onNotice: (level: Notice['level'], text: string) => {
        // That the source was not waited for is nobody's news.
        if (!this.#stopping.signal.aborted) options.onNotice({ atMs: wallClockMs(), level, text });
      },
    };
    const { mirrors, agentPrincipal = () => agentPrincipalOf(options.destination.credentials) } = options;
    this.#rules = new RuleSync({ ...shared, mirrors, agentPrincipal });
    this.#quotas = new QuotaSync(shared);
    this.#users = new UserSync(shared);
  }

  /** Looks at once, and then again and again, until it is stopped for good. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    void this.#lookAndGoOn();
  }

  /** Resolves when nothing is under way any more; an answer of the source is not waited for. What was made stays. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#patience.abort();
    this.#cancelTimer?.();
    await this.#turn;
  }

  /** Resolves after a look that began after this call. */
  lookNow(): Promise<void> {
    return this.#inTurn(() => this.#look());
  }

  /** Takes effect with a look that follows at once. Things that somebody else kept removing are made again. */
  alter(changes: Partial<AclKeeperConfig>): void {
    this.#config = { ...this.#config, ...changes };
    void this.#inTurn(async () => {
      await this.#rules.resume();
      await this.#quotas.resume();
      await this.#look();
    }).catch((error: unknown) => this.#tell(error));
  }

  status(): AclKeeperStatus {
    return { acls: this.#rules.status, quotas: this.#quotas.status, users: this.#users.status };
  }

  /**
   * Gives the rights that were withheld on these mirrors, lifts our denies and forgets their rules, which are the user's
   * from then on. Works without the source, by its rules as last seen; may be called again.
   * @throws LockstepError when something could not be carried out.
   */
  release(mirrorTopics: readonly string[], sourcePatienceMs = releasePatienceMs): Promise<void> {
    const cancel = this.#clock.after(sourcePatienceMs, () => this.#patience.abort());
    return this.#inTurn(() => this.#rules.release(this.#ruleConfig(), mirrorTopics)).finally(() => {
      cancel();
      if (!this.#stopping.signal.aborted) this.#patience = new AbortController();
    });
  }

  async #lookAndGoOn(): Promise<void> {
    await this.lookNow().catch((error: unknown) => this.#tell(error));
    if (this.#stopping.signal.aborted) return;
    const everyMs = this.#config.config?.everyMs ?? everyMsDefault;
    this.#cancelTimer = this.#clock.after(everyMs, () => void this.#lookAndGoOn());
  }

  async #look(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const config = this.#ruleConfig();
    if (config === null) this.#rules.turnOff();
    else await this.#rules.look(config);
    await this.#quotas.look(this.#config.quotas);
    await this.#users.look(this.#config.users, this.#namedUsers(config !== null));
  }

  #ruleConfig(): RuleSyncConfig | null {
    const { config, selects } = this.#config;
    return config === null ? null : { settings: config, selects };
  }

  /** Principals that copied rules and quotas speak of. */
  #namedUsers(withRules: boolean): ReadonlySet<string> {
    const ofQuotas = this.#config.quotas.flatMap((text) => readQuotaEntity(text)?.user ?? []);
    return new Set([...(withRules ? this.#rules.principals : []), ...ofQuotas.map((name) => `User:${name}`)]);
  }

  /** A mistake of ours must not end the agent that mirrors. */
  #tell(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    this.#options.onNotice({
      atMs: (this.#options.wallClockMs ?? Date.now)(),
      level: 'warning',
      text: `ACLs: a look failed: ${text}`,
    });
  }

  /** After all that was asked for before. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(run);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}
