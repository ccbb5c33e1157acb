// One look at the groups of a link and what follows from it:
//
//   1. the source's groups and positions, heard beforehand; when it is down, what it said last;
//   2. how the same groups stand at the destination;
//   3. the plan, with the ends of those mirrors where something differs;
//   4. commits, checkpoints, and deletions where asked.
import { LockstepError } from '../../errors.ts';
import type { SeenPositions } from '../mirror-maker/index.ts';
import { checkpointsOf } from './checkpoints.ts';
import { type CommitResult, commitPlans } from './commit.ts';
import { followDeletions, planDeletions } from './deletions.ts';
import { MirrorEdges } from './edges.ts';
import { type Look, lookAtGroups } from './look.ts';
import { OwnPositions, ownCommits } from './own-positions.ts';
import { type GroupPlan, planGroup, type SeenGroup, uncommitted } from './plan.ts';
import { OffsetsRetention } from './retention.ts';
import { groupStatus } from './statuses.ts';
import type { GroupKeeperOptions, GroupMirror, GroupStatus, GroupSyncConfig } from './types.ts';

export interface SyncResult {
  readonly isSourceHeard: boolean;
  /** Why the source was not heard. */
  readonly sourceError: string | null;
  readonly sourceListsNothing: boolean;
  readonly groups: readonly GroupStatus[];
  /** What people should know: deletions made, deletions refused, settings that can't be read. */
  readonly told: readonly { readonly level: 'info' | 'warning'; readonly text: string }[];
}

export interface SyncOptions {
  readonly config: GroupSyncConfig;
  /** Only these mirrors, by their name at the source; nothing is deleted then. Default all. */
  readonly sourceTopics?: ReadonlySet<string>;
  /** What `hearSource` said; null: it was heard, or what it said last is enough. */
  readonly sourceError: string | null;
}

export class GroupSync {
  readonly #options: GroupKeeperOptions;
  readonly #edges: MirrorEdges;
  readonly retention: OffsetsRetention;
  readonly #own: OwnPositions;
  /** What the source said last, and when. */
  #source: { look: Look; heardAtMs: number } | null = null;
  readonly #committedAtMs = new Map<string, number>();
  readonly #inStepAtMs = new Map<string, number>();
  #isClosed = false;
  /** Commits and deletions that are under way. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(options: GroupKeeperOptions) {
    this.#options = options;
    this.#edges = new MirrorEdges(options.destination);
    this.retention = new OffsetsRetention(options.destination);
    this.#own = new OwnPositions(options.store);
  }

  get sourceHeardAtMs(): number | null {
    return this.#source?.heardAtMs ?? null;
  }

  /** Nothing is written any more once this resolves; a look that is under way ends without. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#writing.catch(() => {});
  }

  /** @throws LockstepError when the destination can't be asked. A source that is down is part of the result. */
  async run({ config, sourceTopics, sourceError }: SyncOptions): Promise<SyncResult> {
    const mirrors = this.#options
      .mirrors()
      .filter(({ sourceTopic }) => sourceTopics === undefined || sourceTopics.has(sourceTopic));
    const isCommitting = config.commits !== false;
    const warning = isCommitting ? await this.retention.look(this.#options.clock.nowMs()) : null;
    const destination = isCommitting ? await this.#lookAtDestination() : this.#notLookedAt();
    const { look, heardAtMs } = this.#source ?? this.#assumed(destination, mirrors);

    const isWhole = sourceTopics === undefined;
    const planned = await this.#plan(look, destination, mirrors, config);
    const plans = isCommitting ? planned : planned.map(uncommitted);
    const results = await this.#write(() => this.#commit(plans, destination, isWhole));
    // What stands at the destination is nobody's word about the source.
    if (heardAtMs !== null)
      await this.#write(() =>
        this.#tellCheckpoints({ checkpoints: checkpointsOf(plans, look), sourceError, isWhole }),
      );
    const nowMs = this.#nowMs();
    const times = { heardAtMs, nowMs, isWhole };
    const groups = plans.map((plan) => this.#status(plan, results.get(plan.groupId), times));

    const told: { level: 'info' | 'warning'; text: string }[] = [];
    if (warning !== null) told.push({ level: 'warning', text: warning });
    if (sourceError === null && isWhole && isCommitting)
      told.push(...(await this.#write(() => this.#forget(look, destination, mirrors, config))));
    return {
      isSourceHeard: sourceError === null,
      sourceError,
      sourceListsNothing: sourceError === null && look.listed.size === 0,
      groups,
      told,
    };
  }

  #write<T>(run: () => Promise<T>): Promise<T> {
    if (this.#isClosed)
      throw new LockstepError('CONNECTION_CLOSED', 'The positions of groups are not kept any more.');
    const writing = run();
    this.#writing = writing;
    return writing;
  }

  /** Asks the source; in nobody's way, since one that is gone takes its time. @returns why it can't be asked; null: it was. */
  async hearSource(): Promise<string | null> {
    const { source, selects } = this.#options;
    const heardAtMs = this.#nowMs();
    try {
      const look = await lookAtGroups(source, 'source', selects);
      // Two may ask at a time, and the slower one has the older answer.
      if (heardAtMs >= (this.#source?.heardAtMs ?? 0))
        this.#source = { look: withFormer(look, this.#source?.look), heardAtMs };
      return null;
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      return error.message;
    }
  }

  #lookAtDestination(): Promise<Look> {
    const { destination, selects } = this.#options;
    if (this.#source === null) return lookAtGroups(destination, 'destination', selects);
    const ids = [...this.#source.look.groups.keys(), ...this.#own.groupIds];
    return lookAtGroups(destination, 'destination', () => false, ids);
  }

  /** Where nothing is committed, groups of the destination are none of ours, and no right on them is needed. */
  #notLookedAt(): Look {
    const absent = { type: '', protocolType: '', state: 'Absent', positions: [], problem: null };
    const ids = [...(this.#source?.look.groups.keys() ?? [])];
    return { listed: new Set(), groups: new Map(ids.map((groupId) => [groupId, { groupId, ...absent }])) };
  }

  async #tellCheckpoints(seen: SeenPositions): Promise<void> {
    await this.#options.checkpoints?.tell(seen);
  }

  /** The source was never heard: what stands at the destination is all that is known, and is kept from expiring. */
  #assumed(destination: Look, mirrors: readonly GroupMirror[]): { look: Look; heardAtMs: null } {
    const byMirror = new Map(mirrors.map((mirror) => [mirror.mirrorTopic, mirror]));
    const groups = [...destination.groups].map(([groupId, group]): [string, SeenGroup] => [
      groupId,
      {
        ...group,
        positions: group.positions.flatMap((position) => {
          const mirror = byMirror.get(position.topic);
          const shift = mirror?.shiftOf(position.partition) ?? null;
          if (mirror === undefined || shift === null) return [];
          return [{ ...position, topic: mirror.sourceTopic, offset: position.offset + shift }];
        }),
      },
    ]);
    return { look: { listed: destination.listed, groups: new Map(groups) }, heardAtMs: null };
  }

  async #plan(
    source: Look,
    destination: Look,
    mirrors: readonly GroupMirror[],
    config: GroupSyncConfig,
  ): Promise<GroupPlan[]> {
    const bySource = new Map(mirrors.map((mirror) => [mirror.sourceTopic, mirror]));
    const nowMs = this.#options.clock.nowMs();
    const planAll = () =>
      [...source.groups.values()].flatMap((group) => {
        const here = destination.groups.get(group.groupId);
        if (here === undefined) return [];
        return planGroup({
          source: group,
          destination: here,
          mirrors: bySource,
          edgesOf: (topic, partition) => this.#edges.of(topic, partition),
          mayGoBack: config.backwards,
          isRefreshDue: this.#isRefreshDue(group.groupId, nowMs),
        });
      });
    this.#edges.forget();
    // Without high watermarks every position that differs is unknown: those are the ones to read. Checkpoints want all.
    const isTelling = this.#options.checkpoints !== undefined;
    const positions = planAll().flatMap((plan) => plan.positions);
    const partitionOf = ({ mirrorTopic: topic, partition }: (typeof positions)[number]) => ({
      topic,
      partition,
    });
    await this.#edges.readStarts(positions.map(partitionOf), nowMs);
    await this.#edges.readHighWatermarks(
      positions.filter(({ state }) => state === 'unknown' || isTelling).map(partitionOf),
    );
    return planAll();
  }

  #isRefreshDue(groupId: string, nowMs: number): boolean {
    // After a start nobody knows how old a position is.
    const committedAtMs = this.#committedAtMs.get(groupId);
    return committedAtMs === undefined || nowMs - committedAtMs >= this.retention.refreshMs;
  }

  async #commit(
    plans: readonly GroupPlan[],
    destination: Look,
    isWhole: boolean,
  ): Promise<ReadonlyMap<string, CommitResult>> {
    const nowMs = this.#options.clock.nowMs();
    const wanted = plans.filter(({ positions }) => positions.some(({ commit }) => commit !== null));
    const due = wanted.filter(({ groupId }) => this.#isRefreshDue(groupId, nowMs));
    const results = await commitPlans(
      this.#options.destination,
      wanted,
      destination.groups,
      this.retention.retentionMs,
    );
    const own = wanted.map((plan) => [plan.groupId, ownCommits(plan, results.get(plan.groupId)!)] as const);
    await this.#own.add(new Map(own));
    if (isWhole)
      for (const { groupId } of due)
        if (results.get(groupId)?.refusal === null) this.#committedAtMs.set(groupId, nowMs);
    return results;
  }

  #status(
    plan: GroupPlan,
    result: CommitResult | undefined,
    times: { heardAtMs: number | null; nowMs: number; isWhole: boolean },
  ): GroupStatus {
    const formerInStepAtMs = this.#inStepAtMs.get(plan.groupId) ?? null;
    const status = groupStatus(plan, result, { ...times, formerInStepAtMs });
    if (times.isWhole && status.inStepAtMs !== null) this.#inStepAtMs.set(plan.groupId, status.inStepAtMs);
    return status;
  }

  /** Forgets groups that are gone on both sides; where asked, follows deletions. */
  async #forget(
    look: Look,
    destination: Look,
    mirrors: readonly GroupMirror[],
    config: GroupSyncConfig,
  ): Promise<SyncResult['told']> {
    const input = {
      source: look,
      destination,
      own: this.#own,
      mirrors: new Map(mirrors.map((mirror) => [mirror.mirrorTopic, mirror])),
      selects: this.#options.selects,
    };
    for (const times of [this.#committedAtMs, this.#inStepAtMs])
      for (const groupId of times.keys()) if (!look.groups.has(groupId)) times.delete(groupId);
    const planned = planDeletions(input);
    await this.#own.removeGroups(planned.gone);
    if (!config.deletions) return [];
    const { deleted, refusals } = await followDeletions(this.#options, planned, input);
    return [
      ...deleted.map((what) => ({ level: 'info' as const, text: `${what} deleted, as at the source` })),
      ...refusals.map((text) => ({ level: 'warning' as const, text })),
    ];
  }

  #nowMs(): number {
    return (this.#options.nowMs ?? Date.now)();
  }
}

/** Groups that could not be read have the positions of the look before. */
function withFormer(look: Look, former: Look | undefined): Look {
  const groups = [...look.groups].map(([groupId, group]): [string, SeenGroup] => {
    const positions = group.problem === null ? undefined : former?.groups.get(groupId)?.positions;
    return [groupId, positions === undefined ? group : { ...group, positions }];
  });
  return { ...look, groups: new Map(groups) };
}
