// What this agent tells the fleet of itself: that it lives, and how its partitions stand.
import { hostname } from 'node:os';
import {
  type AgentRecord,
  agentBeatMs,
  agentKey,
  type BeatDeclaration,
  type ControlTopic,
  recordVersion,
  type ToldRecord,
} from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import type { LinkPartitions } from '../link/index.ts';
import { LoadMeter } from './load-meter.ts';
import { LookPace } from './look-pace.ts';
import { StatusReports, type StatusReportsOptions } from './status-reports.ts';

export interface ReportingOptions extends Pick<StatusReportsOptions, 'isElsewhere'> {
  readonly control: ControlTopic;
  readonly agentId: string;
  readonly version: string;
  /** Where its API listens. */
  apiUrl(): string | null;
  principal(): string | null;
  isLeading(): boolean;
  ownedCount(): number;
  /** What it copies; which partitions, see `LinkMirror.status`. */
  links(which: 'all' | 'stirred'): readonly LinkPartitions[];
  /** Of its own file. */
  readonly heartbeats: readonly BeatDeclaration[];
  /** What it writes for MirrorMaker 2's readers. */
  told(): readonly ToldRecord[];
  /** Each look at them; `isPart`: the others of these links are as they were. */
  onLooked?(links: readonly LinkPartitions[], look: { readonly isPart: boolean }): void;
  readonly onWarning: (text: string) => void;
}

const everyMs = 1_000;
const figuresEveryMs = 5_000;

export class Reporting {
  readonly #options: ReportingOptions;
  readonly #reports: StatusReports;
  readonly #load = new LoadMeter();
  readonly #pace = new LookPace();
  readonly #startedAtMs = Date.now();
  #timer: NodeJS.Timeout | undefined;
  #beatAtMs = 0;
  #isStopped = false;
  /** Why the status could not be told, so that it is said once. */
  #untold: string | null = null;
  #underWay: Promise<void> | null = null;

  constructor(options: ReportingOptions) {
    this.#options = options;
    const { agentId, isElsewhere, control } = options;
    this.#reports = new StatusReports({
      ...{ agentId, figuresEveryMs, isElsewhere },
      known: (name) => control.state.statuses.get(name),
    });
  }

  /** What the partitions cost, by the last looks. */
  get load(): ReadonlyMap<string, number> {
    return this.#load.rates;
  }

  start(): void {
    this.#timer = setInterval(() => this.report(), everyMs);
  }

  /** Nothing is told any more; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await this.#underWay;
  }

  /**
   * One report at a time, unless it is urgent; it is looked all the same, since a destination that is away takes none.
   * Resolves when it is told, or could not be.
   */
  async report({ isUrgent = false }: { isUrgent?: boolean } = {}): Promise<void> {
    if (this.#isStopped) return;
    const mayTell = this.#underWay === null || isUrgent;
    const nowMs = Date.now();
    const isBeat = mayTell && nowMs - this.#beatAtMs >= agentBeatMs;
    const isPart = !isUrgent && !isBeat && !this.#pace.isDue(performance.now());
    const links = this.#options.links(isPart ? 'stirred' : 'all');
    this.#options.onLooked?.(links, { isPart });
    if (!isPart && !isUrgent) this.#load.look(links, nowMs);
    if (!isPart) this.#pace.looked(countOf(links), performance.now());
    if (!mayTell) return;
    const told = this.#reports.look(links, nowMs, { isUrgent, isPart });
    const entries = new Map<string, object | null>(told);
    if (isBeat) {
      this.#beatAtMs = nowMs;
      entries.set(agentKey(this.#options.agentId), this.record(links));
    }
    if (entries.size === 0) return;
    this.#underWay = this.#tell(entries);
    await this.#underWay;
  }

  /** This agent, as it tells the fleet. */
  record(links = this.#options.links('all')): AgentRecord {
    const { agentId, version, apiUrl, principal, isLeading, ownedCount, heartbeats } = this.#options;
    const told = this.#options.told();
    return {
      v: recordVersion,
      id: agentId,
      version,
      host: hostname(),
      pid: process.pid,
      api: apiUrl(),
      startedAtMs: this.#startedAtMs,
      atMs: Date.now(),
      isLeader: isLeading(),
      partitionCount: ownedCount(),
      heardAtMs: heardAtMs(links),
      principal: principal(),
      ...(heartbeats.length > 0 && { heartbeats }),
      ...(told.length > 0 && { told }),
    };
  }

  async #tell(entries: ReadonlyMap<string, object | null>): Promise<void> {
    const { control, onWarning } = this.#options;
    try {
      await control.put(entries);
      this.#untold = null;
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      if (this.#untold !== error.message) onWarning(`status not told: ${error.message}`);
      this.#untold = error.message;
    } finally {
      this.#underWay = null;
    }
  }
}

function countOf(links: readonly LinkPartitions[]): number {
  return links.reduce((count, { partitions }) => count + partitions.length, 0);
}

/** When the source of each link answered this agent last. */
function heardAtMs(links: readonly LinkPartitions[]): Record<string, number> {
  const heard: Record<string, number> = {};
  for (const { name, partitions } of links)
    for (const { lastFetchAtMs } of partitions)
      if (lastFetchAtMs !== null) heard[name] = Math.max(heard[name] ?? 0, lastFetchAtMs);
  return heard;
}
