// The client quotas of one link that were asked for by name: read both sides, plan, carry out.
import { LockstepError } from '../../errors.ts';
import type { KeeperStore } from '../keeper-store.ts';
import { planQuotas } from './quota-plan.ts';
import { readRecords, versioned } from './records.ts';
import type { DestinationRights, SourceRights } from './sides.ts';
import type { QuotasStatus, RightsState } from './types.ts';

export interface QuotaSyncOptions {
  readonly source: Pick<SourceRights, 'quotas'>;
  readonly destination: Pick<DestinationRights, 'quotas' | 'alterQuotas'>;
  readonly store: KeeperStore;
  readonly wallClockMs: () => number;
  readonly onNotice: (level: 'info' | 'warning', text: string) => void;
}

export class QuotaSync {
  readonly #options: QuotaSyncOptions;
  #status: QuotasStatus;

  constructor(options: QuotaSyncOptions) {
    this.#options = options;
    const sinceMs = options.wallClockMs();
    this.#status = { state: 'Starting', reason: null, sinceMs, copiedCount: 0, foreign: [], warnings: [] };
  }

  get status(): QuotasStatus {
    return this.#status;
  }

  /** Quotas that somebody else kept removing are set again. */
  async resume(): Promise<void> {
    const { quotas } = readRecords(this.#options.store.entries());
    const paused = [...quotas].filter(([, record]) => record.removedAtMs.length > 0);
    await this.#put(paused.map(([id, record]) => [id, { ...record, removedAtMs: [] }]));
  }

  /** Never rejects: what went wrong is the status. */
  async look(names: readonly string[]): Promise<void> {
    try {
      const { quotas: records } = readRecords(this.#options.store.entries());
      if (names.length === 0 && records.size === 0) return this.#set('Off', { reason: null });
      const destination = await this.#options.destination.quotas();
      const source = await this.#options.source.quotas().catch((error: unknown) => {
        if (!(error instanceof LockstepError)) throw error;
        return error;
      });
      if (source instanceof LockstepError) return this.#set('SourceSilent', { reason: source.message });
      const nowMs = this.#options.wallClockMs();
      const plan = planQuotas({ names, source, destination, records, nowMs });
      await this.#put([...plan.records]);
      if (plan.changes.length > 0) {
        const outcomes = await this.#options.destination.alterQuotas(plan.changes);
        const failure = outcomes.find((outcome) => !outcome.ok);
        if (failure !== undefined && !failure.ok) throw failure.error;
        this.#options.onNotice('info', `quotas: ${plan.changes.length} entities altered at the destination`);
      }
      await this.#put(plan.forgotten.map((id) => [id, null]));
      const isOwned = plan.foreign.length > 0;
      this.#set(isOwned ? 'ForeignOwner' : 'Current', {
        reason: isOwned ? `somebody else keeps removing ${plan.foreign[0]!.rule}` : null,
        foreign: plan.foreign,
        warnings: plan.warnings,
      });
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      this.#set(error.code === 'NOT_AUTHORIZED' ? 'NotAuthorized' : 'Failed', { reason: error.message });
    }
  }

  async #put(entries: readonly (readonly [id: string, value: object | null])[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#options.store.put(
      new Map(entries.map(([id, value]) => [`quota/${id}`, value === null ? null : versioned(value)])),
    );
  }

  #set(state: RightsState, rest: Partial<QuotasStatus>): void {
    const { wallClockMs, store, onNotice } = this.#options;
    const isChange = state !== this.#status.state;
    const sinceMs = isChange ? wallClockMs() : this.#status.sinceMs;
    const copiedCount = readRecords(store.entries()).quotas.size;
    this.#status = { ...this.#status, ...rest, state, sinceMs, copiedCount };
    if (isChange && this.#status.reason !== null)
      onNotice('warning', `quotas: ${state}: ${this.#status.reason}`);
  }
}
