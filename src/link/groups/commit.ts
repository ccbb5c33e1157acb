// Carries a plan out: one OffsetCommit per group, many at a time. A group that got members between our look and our
// commit is refused by the broker, and is active there.
import { type Cluster, commitGroupOffsets, type TopicPartition } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { Slots } from '../../slots.ts';
import { problemOf } from './look.ts';
import { type GroupPlan, keyOf, type Position, type SeenGroup } from './plan.ts';
import type { GroupState } from './types.ts';

/** Commits under way at the same time. */
const commitsMax = 32;
const timeoutMs = 10_000;
/** ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS, FENCED_MEMBER_EPOCH, STALE_MEMBER_EPOCH. */
const memberErrors: ReadonlySet<unknown> = new Set([22, 25, 27, 110, 113]);

export interface CommitResult {
  readonly committed: readonly Position[];
  /** Why some or all were refused. */
  readonly refusal: { readonly state: GroupState; readonly reason: string } | null;
}

/** What became of each group that had something to commit. */
export async function commitPlans(
  destination: Cluster,
  plans: readonly GroupPlan[],
  seen: ReadonlyMap<string, SeenGroup>,
  retentionMs: number,
): Promise<ReadonlyMap<string, CommitResult>> {
  const slots = new Slots(commitsMax);
  const results = await Promise.all(
    plans.map((plan) =>
      slots.use(async () => {
        const positions = plan.positions.flatMap(({ commit }) => commit ?? []);
        const group = seen.get(plan.groupId);
        const options = {
          timeoutMs,
          ...(group !== undefined && countsFromItsEnd(group) ? { retentionMs } : {}),
        };
        return [plan.groupId, await commit(destination, plan.groupId, positions, options)] as const;
      }),
    ),
  );
  return new Map(results);
}

/**
 * A classic group that had members here: its positions expire offsets.retention.minutes after its last member left,
 * whatever is committed from outside since then (KIP-211), unless the commit brings a retention of its own.
 */
function countsFromItsEnd(group: SeenGroup): boolean {
  return group.state === 'Empty' && group.protocolType !== '' && group.type.toLowerCase() !== 'consumer';
}

async function commit(
  destination: Cluster,
  groupId: string,
  positions: readonly Position[],
  options: { timeoutMs: number; retentionMs?: number },
): Promise<CommitResult> {
  try {
    const outcomes = await commitGroupOffsets(destination, groupId, positions, options);
    const accepted = new Set(outcomes.filter(({ outcome }) => outcome.ok).map(keyOf));
    const refused = outcomes.find(({ outcome }) => !outcome.ok);
    return {
      committed: positions.filter((position) => accepted.has(keyOf(position))),
      refusal:
        refused === undefined || refused.outcome.ok
          ? null
          : refusalOf(refused.outcome.error, destination, groupId, refused),
    };
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    // A broker to come may know no retention of a commit's own any more.
    if (error.code === 'UNSUPPORTED_VERSION' && options.retentionMs !== undefined)
      return commit(destination, groupId, positions, { timeoutMs: options.timeoutMs });
    return { committed: [], refusal: refusalOf(error, destination, groupId) };
  }
}

function refusalOf(
  error: LockstepError,
  destination: Cluster,
  groupId: string,
  partition?: TopicPartition,
): { state: GroupState; reason: string } {
  if (memberErrors.has(error.detail.number))
    return {
      state: 'ActiveAtDestination',
      reason:
        'the group got members at the destination just now; positions are committed once they have stopped',
    };
  const isTopic = error.detail.number === topicAuthorizationFailed;
  return problemOf(error, destination, 'destination', groupId, isTopic ? partition?.topic : undefined);
}

const topicAuthorizationFailed = 29;
