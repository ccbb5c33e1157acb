// The rules of one link: read both sides, plan, carry out. One look at a time; the keeper sees to that.
import type { Acl, Outcome } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { liftOnly, type Plan, type PlanInput, planRules } from './plan.ts';
import { readRecords, versioned } from './records.ts';
import { byKey, everybody, ruleKey } from './rules.ts';
import type { DestinationRights, SourceRights } from './sides.ts';
import { relevantRules } from './translate.ts';
import type {
  AclSettings,
  KeeperStore,
  Leniency,
  MirrorOfLink,
  RightsState,
  RightsStatus,
  UnprotectedMirror,
} from './types.ts';
import { unprotected, writersOf } from './withhold.ts';

export interface RuleSyncOptions {
  readonly source: SourceRights;
  readonly destination: DestinationRights;
  readonly store: KeeperStore;
  readonly mirrors: () => readonly MirrorOfLink[];
  readonly agentPrincipal: string | null;
  readonly wallClockMs: () => number;
  readonly onNotice: (level: 'info' | 'warning', text: string) => void;
}

export interface RuleSyncConfig {
  readonly settings: AclSettings;
  readonly selects: (principal: string) => boolean;
}

/** Asked again only so often: it hardly ever changes, and it may take a rule to find out. */
const leniencyAgeMsMax = { off: 60_000, on: 3_600_000, unknown: 3_600_000 } as const;
/** About 300 bytes each: far below what a topic takes in one batch. */
const recordsPerWrite = 500;
/** So many are named in the status; the rest is counted. */
const shownMax = { unprotected: 1_000, warnings: 50 } as const;

const starting: RightsStatus = {
  state: 'Starting',
  reason: null,
  sinceMs: 0,
  sourceSeenAtMs: null,
  copiedCount: 0,
  deniedCount: 0,
  withheldCount: 0,
  protectedCount: 0,
  unprotected: [],
  foreign: [],
  warnings: [],
};

export class RuleSync {
  readonly #options: RuleSyncOptions;
  /** Promoted by `release`, before the mirrors say so themselves. */
  readonly #released = new Set<string>();
  #status: RightsStatus;
  #leniency: { found: Leniency; atMs: number } | null = null;
  #said = new Set<string>();

  constructor(options: RuleSyncOptions) {
    this.#options = options;
    this.#status = { ...starting, sinceMs: options.wallClockMs() };
  }

  get status(): RightsStatus {
    return this.#status;
  }

  /** Principals whose rules are copied, as last seen. */
  get principals(): ReadonlySet<string> {
    return new Set(
      [...readRecords(this.#options.store.entries()).source.values()].map((acl) => acl.principal),
    );
  }

  /** ACLs are left alone: what is there stays, and is still lifted at a promotion. */
  turnOff(): void {
    this.#status = { ...starting, state: 'Off', sinceMs: this.#options.wallClockMs() };
  }

  /** Rules that somebody else kept removing are made again. */
  async resume(): Promise<void> {
    const { rules } = readRecords(this.#options.store.entries());
    const paused = [...rules].filter(([, record]) => record.removedAtMs.length > 0);
    await this.#put(paused.map(([key, record]) => [`rule/${key}`, { ...record, removedAtMs: [] }]));
  }

  /** Never rejects: what went wrong is the status. */
  async look(config: RuleSyncConfig): Promise<void> {
    try {
      await this.#round(config);
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * Gives what was withheld on these mirrors and lifts our denies; also with the source gone, by its rules as last seen.
   * Without a configuration ACLs are left alone, and only the denies are lifted. May be called again.
   * @throws LockstepError when something could not be carried out.
   */
  async release(config: RuleSyncConfig | null, mirrorTopics: readonly string[]): Promise<void> {
    const topics = new Set(mirrorTopics);
    const rules = await this.#options.destination.rules();
    if (rules !== null) {
      // A source that was silent a moment ago is not waited for.
      if (config !== null && this.#status.state !== 'SourceSilent') await this.#lookAtSource(config);
      const mirrors = this.#mirrors(topics).filter(({ mirrorTopic }) => topics.has(mirrorTopic));
      const plan =
        config === null
          ? liftOnly(readRecords(this.#options.store.entries()).rules, topics)
          : await this.#plan(config, { rules, mirrors, releasing: topics });
      await this.#carryOut(plan, rules);
    }
    for (const topic of topics) this.#released.add(topic);
  }

  async #round(config: RuleSyncConfig): Promise<void> {
    const mirrors = this.#mirrors(new Set());
    const [found, seen] = await Promise.allSettled([
      this.#options.destination.rules(),
      this.#lookAtSource(config),
    ]);
    if (found.status === 'rejected') throw found.reason;
    if (seen.status === 'rejected') throw seen.reason;
    const rules = found.value;
    if (rules === null) return this.#showNoAuthorizer(mirrors);
    const plan = await this.#plan(config, { rules, mirrors });
    const after = await this.#carryOut(plan, rules);
    this.#show({ plan, after, mirrors, config, silence: seen.value });
  }

  async #plan(
    { settings, selects }: RuleSyncConfig,
    at: Pick<PlanInput, 'mirrors' | 'releasing'> & { rules: readonly Acl[] },
  ): Promise<Plan> {
    const { store, agentPrincipal, wallClockMs } = this.#options;
    const { rules, ...where } = at;
    const leniency = await this.#findLeniency(rules);
    const users = await this.#usersBehindWildcard(rules, where.mirrors);
    const records = readRecords(store.entries());
    return planRules({
      ...where,
      source: [...records.source.values()],
      destination: rules,
      records: records.rules,
      unreadable: records.unreadable,
      selects,
      settings,
      agentPrincipal,
      users,
      leniency,
      nowMs: wallClockMs(),
    });
  }

  /** Mirrors as they are known here; what was released counts as promoted. */
  #mirrors(releasing: ReadonlySet<string>): MirrorOfLink[] {
    const mirrors = this.#options.mirrors();
    for (const topic of this.#released) {
      const mirror = mirrors.find(({ mirrorTopic }) => mirrorTopic === topic);
      if (mirror === undefined || mirror.isPromoted) this.#released.delete(topic);
    }
    return mirrors.map((mirror) => ({
      ...mirror,
      isPromoted:
        mirror.isPromoted || releasing.has(mirror.mirrorTopic) || this.#released.has(mirror.mirrorTopic),
    }));
  }

  /** Remembers the source's rules that count; the reason when it does not tell them. */
  async #lookAtSource(config: RuleSyncConfig): Promise<string | null> {
    let found: Acl[] | null;
    try {
      found = await this.#options.source.rules();
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      return error.message;
    }
    if (found === null) return 'the source runs no authorizer, so that it has no rules to copy';
    const wanted = byKey(relevantRules(found, config));
    const known = readRecords(this.#options.store.entries()).source;
    await this.#put([
      ...[...wanted].flatMap(([key, acl]): Entry[] => (known.has(key) ? [] : [[`source/${key}`, { acl }]])),
      ...[...known.keys()].flatMap((key): Entry[] => (wanted.has(key) ? [] : [[`source/${key}`, null]])),
    ]);
    this.#status = { ...this.#status, sourceSeenAtMs: this.#options.wallClockMs() };
    return null;
  }

  async #findLeniency(rules: readonly Acl[]): Promise<Leniency> {
    const { destination, wallClockMs } = this.#options;
    const known = this.#leniency;
    if (known !== null && wallClockMs() - known.atMs <= leniencyAgeMsMax[known.found]) return known.found;
    const found = await destination.leniency(rules);
    this.#leniency = { found, atMs: wallClockMs() };
    return found;
  }

  /** Names of users, asked for only where everybody may write to some mirror. */
  async #usersBehindWildcard(rules: readonly Acl[], mirrors: readonly MirrorOfLink[]): Promise<string[]> {
    const isOpen = mirrors.some(
      ({ isPromoted, mirrorTopic }) => !isPromoted && writersOf(rules, mirrorTopic, null).includes(everybody),
    );
    if (!isOpen) return [];
    try {
      return (await this.#options.destination.users()).map(({ name }) => `User:${name}`);
    } catch (error) {
      if (error instanceof LockstepError) return [];
      throw error;
    }
  }

  /** In the order that plan.ts gives; the rules that stand afterwards. */
  async #carryOut(plan: Plan, before: readonly Acl[]): Promise<Acl[]> {
    const { destination } = this.#options;
    const rules = byKey(before);
    const failures: LockstepError[] = [];
    const make = async (acls: readonly Acl[]) => {
      const done = note(await destination.create(acls), acls, failures);
      for (const acl of done) rules.set(ruleKey(acl), acl);
    };
    const drop = async (acls: readonly Acl[]) => {
      const done = note(await destination.delete(acls), acls, failures);
      for (const acl of done) rules.delete(ruleKey(acl));
    };
    await this.#put([...plan.records].map(([key, record]) => [`rule/${key}`, record]));
    await make(plan.denies);
    await drop(plan.deletedAllows);
    if (failures.length === 0) await make(plan.allows);
    if (failures.length === 0) await drop(plan.deletedDenies);
    const gone = plan.forgotten.filter((key) => !rules.has(key));
    const handedOver = failures.length === 0 ? plan.handedOver : [];
    await this.#put([...new Set([...gone, ...handedOver])].map((key) => [`rule/${key}`, null]));
    this.#tellChanges(plan);
    if (failures[0] !== undefined) throw failures[0];
    return [...rules.values()];
  }

  #tellChanges({ denies, allows, deletedAllows, deletedDenies }: Plan): void {
    const [made, dropped] = [denies.length + allows.length, deletedAllows.length + deletedDenies.length];
    if (made + dropped === 0) return;
    this.#options.onNotice('info', `ACLs: ${made} rules made, ${dropped} removed at the destination`);
  }

  async #put(entries: readonly Entry[]): Promise<void> {
    for (let start = 0; start < entries.length; start += recordsPerWrite) {
      const portion = entries.slice(start, start + recordsPerWrite);
      await this.#options.store.put(
        new Map(portion.map(([key, value]) => [key, value === null ? null : versioned(value)])),
      );
    }
  }

  #show(seen: {
    plan: Plan;
    after: readonly Acl[];
    mirrors: readonly MirrorOfLink[];
    config: RuleSyncConfig;
    silence: string | null;
  }): void {
    const { plan, after, mirrors, config, silence } = seen;
    const { agentPrincipal, store } = this.#options;
    const open = mirrors.filter((mirror) => !mirror.isPromoted);
    const exposed = open.flatMap(
      ({ mirrorTopic }) =>
        unprotected({
          mirrorTopic,
          destination: after,
          agentPrincipal,
          leniency: this.#leniency?.found ?? 'unknown',
          withholdWrites: config.settings.withholdWrites,
        }) ?? [],
    );
    const { rules, unreadable } = readRecords(store.entries());
    const strange = [...unreadable].filter((key) => /^(rule|source)\//.test(key)).length;
    const ours = [...rules.values()];
    const isOwned = plan.foreign.length > 0;
    const warnings = [
      ...plan.warnings,
      ...(strange === 0
        ? []
        : [`${strange} records of another version of Lockstep: their rules are left alone`]),
    ];
    this.#set(isOwned ? 'ForeignOwner' : silence === null ? 'Current' : 'SourceSilent', {
      reason: isOwned ? foreignReason(plan) : silence,
      copiedCount: ours.filter(({ why }) => why === 'copied').length,
      deniedCount: ours.filter(({ why }) => why === 'withheld').length,
      withheldCount: plan.withheld.length,
      protectedCount: open.length - exposed.length,
      unprotected: exposed.slice(0, shownMax.unprotected),
      foreign: plan.foreign,
      warnings: warnings.slice(0, shownMax.warnings),
    });
    this.#tell(exposed, warnings);
  }

  #showNoAuthorizer(mirrors: readonly MirrorOfLink[]): void {
    const reason = 'the destination runs no authorizer: everybody may write';
    const exposed = mirrors.flatMap(({ isPromoted, mirrorTopic: topic }) =>
      isPromoted ? [] : [{ topic, writers: [everybody], reason }],
    );
    const shown = exposed.slice(0, shownMax.unprotected);
    this.#set('NoAuthorizer', { ...nothing, reason, unprotected: shown });
    this.#tell([], exposed.length === 0 ? [] : [`Unprotected: all mirrors of the link: ${reason}`]);
  }

  #fail(error: unknown): void {
    if (!(error instanceof LockstepError)) throw error;
    this.#set(error.code === 'NOT_AUTHORIZED' ? 'NotAuthorized' : 'Failed', { reason: error.message });
  }

  #set(state: RightsState, rest: Partial<RightsStatus>): void {
    const isChange = state !== this.#status.state;
    const sinceMs = isChange ? this.#options.wallClockMs() : this.#status.sinceMs;
    this.#status = { ...this.#status, ...rest, state, sinceMs };
    const isTrouble = state !== 'Current' && state !== 'NoAuthorizer';
    if (isChange && isTrouble) this.#options.onNotice('warning', `ACLs: ${state}: ${this.#status.reason}`);
  }

  /** Each sentence once, for as long as it holds. */
  #tell(exposed: readonly UnprotectedMirror[], warnings: readonly string[]): void {
    const now = new Set([
      ...exposed.map(({ topic, reason }) => `Unprotected: mirror ${topic}: ${reason}`),
      ...warnings,
    ]);
    for (const text of now) if (!this.#said.has(text)) this.#options.onNotice('warning', text);
    this.#said = now;
  }
}

type Entry = readonly [key: string, value: object | null];

const nothing = {
  copiedCount: 0,
  deniedCount: 0,
  withheldCount: 0,
  protectedCount: 0,
  foreign: [],
  warnings: [],
};

/** Those that were carried out; what failed is collected. */
function note(outcomes: readonly Outcome<unknown>[], acls: readonly Acl[], failures: LockstepError[]): Acl[] {
  return acls.filter((_, index) => {
    const outcome = outcomes[index]!;
    if (!outcome.ok) failures.push(outcome.error);
    return outcome.ok;
  });
}

function foreignReason({ foreign }: Plan): string {
  const first = foreign[0]!;
  const more = foreign.length > 1 ? ` and ${foreign.length - 1} more` : '';
  return (
    `somebody else removed ${first.rule}${more} ${first.removedCount} times; left alone until ` +
    `${new Date(first.resumesAtMs).toISOString()}, or until the link is altered. End what removes it, or leave its ` +
    'principal out of sync.acls'
  );
}
