// What became of each group, put together from the plan and the broker's answer. Pure.
import type { CommitResult } from './commit.ts';
import { type GroupPlan, keyOf, type PlannedPosition } from './plan.ts';
import type { GroupReportEntry, GroupStatus, PositionStatus } from './types.ts';

/** The group after its commits. `result` is undefined where there was nothing to commit; `heardAtMs` is null where the source was never heard. */
export function groupStatus(
  plan: GroupPlan,
  result: CommitResult | undefined,
  times: {
    readonly heardAtMs: number | null;
    readonly nowMs: number;
    readonly formerInStepAtMs: number | null;
  },
): GroupStatus {
  const committed = new Map(result?.committed.map((position) => [keyOf(position), position.offset]));
  const positions = plan.positions.map((entry) => positionStatus(entry, committed));
  const inStep =
    plan.state !== 'NotSupported' &&
    positions.length > 0 &&
    positions.every(({ state }) => state === 'synced');
  const inStepAtMs = (inStep ? times.heardAtMs : null) ?? times.formerInStepAtMs;
  return {
    group: plan.groupId,
    state: result?.refusal?.state ?? plan.state,
    reason: result?.refusal?.reason ?? plan.reason,
    inStepAtMs,
    lagMs: inStepAtMs === null ? null : Math.max(0, times.nowMs - inStepAtMs),
    positions,
  };
}

function positionStatus(planned: PlannedPosition, committed: ReadonlyMap<string, bigint>): PositionStatus {
  const { topic, mirrorTopic, partition, source, wanted, isBelowMirrorStart } = planned;
  const accepted = committed.get(keyOf({ topic: mirrorTopic, partition }));
  const destination = accepted ?? planned.destination;
  return {
    topic,
    mirrorTopic,
    partition,
    source: String(source),
    wanted: String(wanted),
    destination: destination === null ? null : String(destination),
    state: planned.state === 'behind' && accepted === wanted ? 'synced' : planned.state,
    isBelowMirrorStart,
  };
}

/** The group's line in the report of a last sync. */
export function reportEntry(status: GroupStatus): GroupReportEntry {
  const { group, state, reason, positions } = status;
  const missing = positions.filter((position) => position.state !== 'synced');
  const isUnread =
    state === 'NotSupported' || ((state === 'NotAuthorized' || state === 'Failed') && positions.length === 0);
  const isComplete = missing.length === 0 && !isUnread;
  return { group, state, reason: isComplete ? null : reason, isComplete, missing };
}
