// Keeps the committed positions of a link's groups at the destination, so that consumers which start there resume where
// they stopped at the source. Run by the fleet's leader, one per link. Looks every `everyMs`; one look at a time.
import { sleep } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { Slots } from '../../slots.ts';
import { noteBehind } from './behind.ts';
import { maybeHidden } from './rights.ts';
import { leftAlone, reportEntry, reportText } from './statuses.ts';
import { GroupSync, type SyncResult } from './sync.ts';
import { GroupTelling } from './telling.ts';
import type { GroupKeeperOptions, GroupReport, GroupStatus, GroupSyncConfig, GroupsStatus } from './types.ts';

export class GroupKeeper {
  readonly #options: GroupKeeperOptions;
  readonly #sync: GroupSync;
  readonly #telling: GroupTelling;
  /** Looks and last syncs, one after the other. */
  readonly #turn = new Slots(1);
  readonly #stopping = new AbortController();
  #config: GroupSyncConfig;
  #running: Promise<void> | null = null;
  #groups: readonly GroupStatus[] = [];
  #sourceDownSinceMs: number | null = null;
  #lastError: string | null = null;
  #lookedAtMs: number | null = null;

  constructor(options: GroupKeeperOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#sync = new GroupSync(options);
    this.#telling = new GroupTelling((level, text) => options.onNotice({ atMs: this.#nowMs(), level, text }));
  }

  /** Begins to look; returns at once. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when nothing is written any more; does not wait for a cluster that is slow to answer a look. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#sync.close();
  }

  /** From the next look on. */
  alter(config: GroupSyncConfig): void {
    this.#config = config;
  }

  /** Resolves after a whole look; failures are in the status. */
  async lookNow(): Promise<void> {
    const sourceError = await this.#sync.hearSource();
    await this.#turn.use(async () => {
      if (this.#stopping.signal.aborted) return;
      try {
        this.#take(await this.#sync.run({ config: this.#config, sourceError }));
      } catch (error) {
        if (!(error instanceof LockstepError)) throw error;
        if (this.#stopping.signal.aborted) return;
        this.#lastError = error.message;
        this.#options.checkpoints?.failed(error);
        this.#telling.problem('destination', `groups are not synced: ${error.message}`);
      }
    });
  }

  status(): GroupsStatus {
    return {
      sourceHeardAtMs: this.#sync.sourceHeardAtMs,
      sourceDownSinceMs: this.#sourceDownSinceMs,
      lastError: this.#lastError,
      lookedAtMs: this.#lookedAtMs,
      retentionMs: this.#sync.retention.retentionMs,
      isRetentionAssumed: this.#sync.retention.isAssumed,
      groups: this.#groups,
    };
  }

  /**
   * The last sync before a promotion, of these topics only: commits, then reads back what stands at the destination.
   * Consumers at the source should have stopped, or they go on beyond it. Never throws for a cluster that is down: the
   * report says so.
   */
  async syncTopics(sourceTopics: readonly string[]): Promise<GroupReport> {
    const saidLast = this.#noteBehind(sourceTopics, this.#groups);
    const report = await this.#lastSync(new Set(sourceTopics));
    await saidLast;
    if (report.groups.length > 0)
      await this.#noteBehind(
        sourceTopics,
        report.groups.map(({ group, missing }) => ({ group, positions: missing })),
      );
    const missing = reportText(report);
    if (missing !== null) this.#telling.tell('warning', missing);
    return report;
  }

  async #noteBehind(
    sourceTopics: readonly string[],
    groups: Parameters<typeof noteBehind>[1],
  ): Promise<void> {
    const { behind } = this.#options;
    if (behind === undefined) return;
    const about = { sourceTopics, atMs: this.#nowMs(), sourceHeardAtMs: this.#sync.sourceHeardAtMs };
    try {
      await noteBehind(behind, groups, about);
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      this.#telling.tell('warning', `which groups are behind was not noted: ${error.message}`);
    }
  }

  async #lastSync(sourceTopics: ReadonlySet<string>): Promise<GroupReport> {
    const hearing = this.#sync.hearSource();
    const sync = (sourceError: string | null) =>
      this.#turn.use(() => this.#sync.run({ config: this.#config, sourceTopics, sourceError }));
    try {
      // What the source said last comes first: one that is gone is waited for longer than a promotion takes.
      await sync(null);
      const first = await sync(await hearing);
      // What is read back is the proof.
      const second = await sync(null);
      return this.#report(first, second.groups);
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      return this.#unreported(error.message);
    }
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.lookNow();
      await sleep(clock, this.#config.everyMs, signal).catch(() => {});
    }
  }

  #take(result: SyncResult): void {
    this.#groups = result.groups;
    this.#lookedAtMs = this.#nowMs();
    this.#lastError = result.sourceError;
    this.#sourceDownSinceMs = result.isSourceHeard ? null : (this.#sourceDownSinceMs ?? this.#nowMs());
    this.#telling.solved('destination');
    if (result.sourceError === null) this.#telling.solved('source');
    else
      this.#telling.problem(
        'source',
        `positions of groups can't be read; those at the destination are kept from expiring: ${result.sourceError}`,
      );
    if (result.sourceListsNothing)
      this.#telling.problem('hidden', maybeHidden(this.#options.source.name), 'info');
    for (const { level, text } of result.told) {
      // What was refused is tried again at every look.
      if (level === 'warning') this.#telling.problem(text, text);
      else this.#telling.tell(level, text);
    }
    this.#telling.groups(result.groups);
  }

  #report(first: SyncResult, readBack: readonly GroupStatus[]): GroupReport {
    const groups = readBack.map(reportEntry);
    return {
      isSourceHeard: first.isSourceHeard,
      sourceHeardAtMs: this.#sync.sourceHeardAtMs,
      isComplete:
        first.isSourceHeard && groups.every(({ isComplete, state }) => isComplete || leftAlone.has(state)),
      error: first.sourceError,
      groups,
    };
  }

  #unreported(error: string): GroupReport {
    return {
      isSourceHeard: false,
      sourceHeardAtMs: this.#sync.sourceHeardAtMs,
      isComplete: false,
      error,
      groups: [],
    };
  }

  #nowMs(): number {
    return (this.#options.nowMs ?? Date.now)();
  }
}
