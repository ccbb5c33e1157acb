// The rules of one link: read both sides, plan, carry out. One look at a time; the keeper sees to that.
import { createHash } from 'node:crypto';
import type { Acl } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import type { KeeperStore } from '../keeper-store.ts';
import { carryOut, type Entry, putRecords } from './carry-out.ts';
import { Lockout } from './lockout.ts';
import { isQuiet, liftOnly, type Plan, type PlanInput, planRules } from './plan.ts';
import { readRecords } from './records.ts';
import { nothingYet, type Standing, sentencesOf, standingOf, withoutAuthorizer } from './rule-status.ts';
import { byKey, everybody } from './rules.ts';
import type { DestinationRights, SourceRights } from './sides.ts';
import { relevantRules } from './translate.ts';
import type { AclSettings, Leniency, MirrorOfLink, RightsStatus } from './types.ts';
import { writersOf } from './withhold.ts';

export interface RuleSyncOptions {
  readonly source: SourceRights;
  readonly destination: DestinationRights;
  readonly store: KeeperStore;
  readonly mirrors: () => readonly MirrorOfLink[];
  /** Whom the destination takes us for now; null: not known. */
  readonly agentPrincipal: () => string | null;
  readonly wallClockMs: () => number;
  readonly onNotice: (level: 'info' | 'warning', text: string) => void;
}

export interface RuleSyncConfig {
  readonly settings: AclSettings;
  readonly selects: (principal: string) => boolean;
}

/** What the source answered. */
type SourceAnswer =
  | { readonly rules: readonly Acl[]; readonly silence: null }
  | { readonly rules: null; readonly silence: string };

/** Asked again only so often: it hardly ever changes, and it may take a rule to find out. */
const leniencyAgeMsMax = { off: 60_000, on: 3_600_000, unknown: 3_600_000 } as const;
/** Where nothing has changed since a look with nothing to do, nothing is planned, at most for so long. */
const quietMsMax = 60_000;

export class RuleSync {
  readonly #options: RuleSyncOptions;
  /** Promoted by `release`, before the mirrors say so themselves; and in which life of theirs. */
  readonly #released = new Map<string, number>();
  readonly #lockout: Lockout;
  #status: RightsStatus;
  #leniency: { found: Leniency; atMs: number } | null = null;
  /** What was read at the last look that had nothing to do. */
  #quiet: { digest: string; selects: RuleSyncConfig['selects']; atMs: number } | null = null;
  #said = new Set<string>();
  /** Whom the destination took us for: credentials rotate, and other agents of the fleet may do so later. */
  readonly #formerPrincipals = new Set<string>();
  /** How often our DENYs hit ourselves: what was said of our principal is not believed, then nobody is denied any more. */
  #lockoutCount = 0;

  constructor(options: RuleSyncOptions) {
    this.#options = options;
    this.#lockout = new Lockout(options);
    const sinceMs = options.wallClockMs();
    this.#status = { ...nothingYet, sinceMs, sourceSeenAtMs: null, lookedAtMs: null };
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
    this.#quiet = null;
    this.#show({ ...nothingYet, state: 'Off' });
  }

  /** Rules that somebody else kept removing are made again. */
  async resume(): Promise<void> {
    this.#quiet = null;
    const { rules } = readRecords(this.#options.store.entries());
    const paused = [...rules].filter(([, record]) => record.removedAtMs.length > 0);
    await this.#put(paused.map(([key, record]) => [`rule/${key}`, { ...record, removedAtMs: [] }]));
  }

  /** Never rejects for an expected failure: what went wrong is the status. */
  async look(config: RuleSyncConfig): Promise<void> {
    try {
      await this.#look(config);
      this.#status = { ...this.#status, lookedAtMs: this.#options.wallClockMs() };
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      const state = error.code === 'NOT_AUTHORIZED' ? 'NotAuthorized' : 'Failed';
      this.#show({ ...this.#status, state, reason: error.message });
    }
  }

  /**
   * Gives what was withheld on these mirrors and lifts our denies; also with the source gone, by its rules as last seen.
   * Without a configuration ACLs are left alone, and only the denies are lifted. May be called again.
   * @throws LockstepError when something could not be carried out.
   */
  async release(config: RuleSyncConfig | null, mirrorTopics: readonly string[]): Promise<void> {
    this.#quiet = null;
    const topics = new Set(mirrorTopics);
    const rules = await this.#options.destination.rules();
    if (rules !== null) {
      // A source that was silent a moment ago is not waited for.
      if (config !== null && this.#status.state !== 'SourceSilent')
        await this.#remember(config, await this.#askSource());
      const mirrors = this.#mirrors(topics).filter(({ mirrorTopic }) => topics.has(mirrorTopic));
      const planned = config === null ? [] : mirrors;
      // Topics that are no mirrors any more, and all of them where ACLs are left alone.
      const known = new Set(planned.map(({ mirrorTopic }) => mirrorTopic));
      const lifted = new Set(mirrorTopics.filter((topic) => !known.has(topic)));
      const after = await this.#carryOut(
        liftOnly(readRecords(this.#options.store.entries()).rules, lifted),
        rules,
      );
      if (config !== null)
        await this.#carryOut(
          await this.#plan(config, { rules: after, mirrors: planned, releasing: topics }),
          after,
        );
    }
    const lives = new Map(this.#options.mirrors().map((mirror) => [mirror.mirrorTopic, lifeOf(mirror)]));
    for (const topic of topics) this.#released.set(topic, lives.get(topic) ?? 0);
  }

  async #look(config: RuleSyncConfig): Promise<void> {
    const { destination, wallClockMs, store } = this.#options;
    const mirrors = this.#mirrors(new Set());
    const [rules, source] = await Promise.all([destination.rules(), this.#askSource()]);
    if (rules === null) return this.#show(withoutAuthorizer(mirrors));
    const digest = digestOf([rules, source, mirrors, config.settings, this.#agentPrincipal]);
    if (this.#isStillQuiet(digest, config)) return this.#noteSource(source);
    await this.#remember(config, source);
    const plan = await this.#plan(config, { rules, mirrors });
    const { after, isLockedOut } = await this.#lockout.without(plan, () => this.#carryOut(plan, rules));
    if (isLockedOut) this.#noteLockout();
    this.#quiet = isQuiet(plan) ? { digest, selects: config.selects, atMs: wallClockMs() } : null;
    this.#show(
      standingOf({
        ...{ plan, after, mirrors, agentPrincipal: this.#agentPrincipal, silence: source.silence },
        records: readRecords(store.entries()),
        leniency: await this.#findLeniency(rules),
        withholdWrites: config.settings.withholdWrites,
      }),
    );
  }

  #isStillQuiet(digest: string, { selects }: RuleSyncConfig): boolean {
    const quiet = this.#quiet;
    if (quiet === null || quiet.digest !== digest || quiet.selects !== selects) return false;
    return (
      this.#options.wallClockMs() - quiet.atMs <= quietMsMax &&
      (this.#status.state === 'Current' || this.#status.state === 'SourceSilent')
    );
  }

  /** Mirrors as they are known here; what was released counts as promoted. */
  #mirrors(releasing: ReadonlySet<string>): MirrorOfLink[] {
    const mirrors = this.#options.mirrors();
    for (const [topic, life] of this.#released) {
      const mirror = mirrors.find(({ mirrorTopic }) => mirrorTopic === topic);
      if (mirror === undefined || mirror.isPromoted || lifeOf(mirror) !== life) this.#released.delete(topic);
    }
    return mirrors.map((mirror) => ({
      ...mirror,
      isPromoted:
        mirror.isPromoted || releasing.has(mirror.mirrorTopic) || this.#released.has(mirror.mirrorTopic),
    }));
  }

  async #askSource(): Promise<SourceAnswer> {
    try {
      const rules = await this.#options.source.rules();
      if (rules !== null) return { rules, silence: null };
      return { rules, silence: 'the source runs no authorizer, so that it has no rules to copy' };
    } catch (error) {
      if (error instanceof LockstepError) return { rules: null, silence: error.message };
      throw error;
    }
  }

  /** Keeps the source's rules that count, for the time when it does not answer. */
  async #remember(config: RuleSyncConfig, source: SourceAnswer): Promise<void> {
    this.#noteSource(source);
    if (source.rules === null) return;
    const wanted = byKey(relevantRules(source.rules, config));
    const known = readRecords(this.#options.store.entries()).source;
    await this.#put([
      ...[...wanted].flatMap(([key, acl]): Entry[] => (known.has(key) ? [] : [[`source/${key}`, { acl }]])),
      ...[...known.keys()].flatMap((key): Entry[] => (wanted.has(key) ? [] : [[`source/${key}`, null]])),
    ]);
  }

  #noteSource(source: SourceAnswer): void {
    if (source.rules !== null)
      this.#status = { ...this.#status, sourceSeenAtMs: this.#options.wallClockMs() };
  }

  async #plan(
    { settings, selects }: RuleSyncConfig,
    at: Pick<PlanInput, 'mirrors' | 'releasing'> & { rules: readonly Acl[] },
  ): Promise<Plan> {
    const { store, wallClockMs } = this.#options;
    const { rules, ...where } = at;
    const leniency = await this.#findLeniency(rules);
    const users = await this.#usersBehindWildcard(rules, where.mirrors);
    const records = readRecords(store.entries());
    const agentPrincipal = this.#agentPrincipal;
    if (agentPrincipal !== null) this.#formerPrincipals.add(agentPrincipal);
    return planRules({
      ...where,
      source: [...records.source.values()],
      destination: rules,
      records: records.rules,
      unreadable: records.unreadable,
      selects,
      settings,
      agentPrincipal,
      formerPrincipals: this.#formerPrincipals,
      mayDeny: this.#lockoutCount < 2,
      users,
      leniency,
      nowMs: wallClockMs(),
    });
  }

  get #agentPrincipal(): string | null {
    return this.#lockoutCount === 0 ? this.#options.agentPrincipal() : null;
  }

  #noteLockout(): void {
    this.#lockoutCount += 1;
    this.#formerPrincipals.clear();
    const then =
      this.#lockoutCount === 1
        ? 'those who may Alter the cluster are not denied'
        : 'nobody is denied any more';
    this.#options.onNotice(
      'warning',
      `ACLs: a DENY WRITE hit this agent itself and was taken back: its principal is not ` +
        `${this.#options.agentPrincipal() ?? 'among those who may Alter the cluster'}; from now on ${then}`,
    );
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

  async #carryOut(plan: Plan, before: readonly Acl[]): Promise<Acl[]> {
    const after = await carryOut(plan, before, this.#options);
    const { denies, allows, deletedAllows, deletedDenies } = plan;
    const [made, dropped] = [denies.length + allows.length, deletedAllows.length + deletedDenies.length];
    if (made + dropped > 0)
      this.#options.onNotice('info', `ACLs: ${made} rules made, ${dropped} removed at the destination`);
    return after;
  }

  #put(entries: readonly Entry[]): Promise<void> {
    return putRecords(this.#options.store, entries);
  }

  /** Tells what is new: each state and each sentence once, for as long as it holds. */
  #show(standing: Standing): void {
    const { wallClockMs, onNotice } = this.#options;
    const isChange = standing.state !== this.#status.state;
    const sinceMs = isChange ? wallClockMs() : this.#status.sinceMs;
    this.#status = { ...this.#status, ...standing, sinceMs };
    const isTrouble = !['Current', 'NoAuthorizer', 'Off'].includes(standing.state);
    if (isChange && isTrouble) onNotice('warning', `ACLs: ${standing.state}: ${standing.reason}`);
    const sentences = sentencesOf(standing);
    for (const text of sentences) if (!this.#said.has(text)) onNotice('warning', text);
    this.#said = new Set(sentences);
  }
}

function lifeOf({ incarnation = 0 }: MirrorOfLink): number {
  return incarnation;
}

function digestOf(read: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(read)).digest('base64');
}
