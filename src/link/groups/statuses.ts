// What became of each group, put together from the plan and the broker's answer. Pure.

import { plural } from '../../units.ts';
import type { CommitResult } from './commit.ts';
import { type GroupPlan, keyOf, type PlannedPosition } from './plan.ts';
import type { GroupReport, GroupReportEntry, GroupState, GroupStatus, PositionStatus } from './types.ts';

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
    !unread.has(plan.state) && positions.length > 0 && positions.every(({ state }) => state === 'synced');
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
  const isComplete = missing.length === 0 && !unread.has(state);
  return { group, state, reason: isComplete ? null : reason, isComplete, missing };
}

/** States in which the positions that are known need not be those at the source. */
const unread: ReadonlySet<GroupState> = new Set(['NotSupported', 'NotAuthorized', 'Failed']);
/** Groups of which nothing is to come to the destination. */
export const leftAlone: ReadonlySet<GroupState> = new Set(['NotSupported', 'NotCommitted']);
const groupsNamedMax = 5;

/** The report in words; null where nothing is missing. */
export function reportText({ isComplete, isSourceHeard, error, groups }: GroupReport): string | null {
  if (isComplete) return null;
  const lacking = groups.filter((entry) => !entry.isComplete && !leftAlone.has(entry.state));
  const named = lacking.slice(0, groupsNamedMax).map(({ group, state, reason, missing }) => {
    const positions = missing
      .slice(0, groupsNamedMax)
      .map(
        (entry) => `${entry.topic}-${entry.partition} ${entry.wanted}, here ${entry.destination ?? 'none'}`,
      );
    return `${group} is ${state}${positions.length > 0 ? ` (${positions.join('; ')})` : ''}${reason === null ? '' : `: ${reason}`}`;
  });
  const more = lacking.length - named.length;
  return [
    `the last sync of groups is not complete: ${lacking.length} of ${plural(groups.length, 'group')} may resume elsewhere`,
    ...(isSourceHeard ? [] : [`the source did not answer, what it said last was taken (${error})`]),
    ...named,
    ...(more > 0 ? [`and ${more} more`] : []),
  ].join('. ');
}
