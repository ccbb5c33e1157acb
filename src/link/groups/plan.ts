// Which positions of a group are to be committed at the destination: pure. The rules, in this order:
//
//   1. Only for a group that is empty or absent there: Kafka takes positions from outside for no other.
//   2. Only on topics that are mirrors; source offset - k where the mirror is shifted. Where a mirror was taken over from
//      MirrorMaker 2, offsets in front of that point differ by other amounts, so such positions are left alone.
//   3. Never beyond the mirror's high watermark: a consumer would be out of range, or miss what is yet to come.
//      What is beyond is committed up to there, so that as little as possible is read again.
//   4. Never backwards, unless asked.
//   5. Only what differs, or everything when the group is due to be kept from expiring.
import { earlier } from '../../offsets.ts';
import type { GroupMirror, GroupState, PositionState } from './types.ts';

/** A committed offset and the text that its consumer left with it. */
export interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly metadata: string;
}

/** A group as one cluster tells of it. */
export interface SeenGroup {
  readonly groupId: string;
  /** `classic`, `consumer`, `share`, `streams`; empty where brokers don't tell (before Kafka 3.8). */
  readonly type: string;
  /** Empty for offsets committed from outside. */
  readonly protocolType: string;
  /** `Empty`, `Stable`, ...; `Absent` where it does not exist; empty where brokers don't tell (before Kafka 2.6). */
  readonly state: string;
  readonly positions: readonly Position[];
  /** Why its positions could not be read; `positions` are those that were read last, then. */
  readonly problem: GroupProblem | null;
}

export interface GroupProblem {
  readonly state: 'NotAuthorized' | 'Failed';
  readonly reason: string;
}

/** A mirror partition's log; null where it could not be read. */
export interface LogEdges {
  readonly start: bigint | null;
  readonly highWatermark: bigint | null;
}

export interface PlanInput {
  readonly source: SeenGroup;
  readonly destination: SeenGroup;
  /** By their name at the source. */
  readonly mirrors: ReadonlyMap<string, GroupMirror>;
  edgesOf(mirrorTopic: string, partition: number): LogEdges;
  readonly mayGoBack: boolean;
  /** Commit also what stands there already. */
  readonly isRefreshDue: boolean;
}

export interface PlannedPosition {
  readonly topic: string;
  readonly mirrorTopic: string;
  readonly partition: number;
  readonly source: bigint;
  readonly wanted: bigint;
  readonly destination: bigint | null;
  readonly state: PositionState;
  readonly isBelowMirrorStart: boolean;
  /** In front of the point where the mirror was taken over from MirrorMaker 2. */
  readonly isBeforeTakeover?: boolean;
  /** Where a consumer can go on at the mirror: `wanted`, but not beyond its end; absent: that end was not read. */
  readonly reachable?: bigint;
  /** What to commit, under the mirror's name; null: nothing. */
  readonly commit: Position | null;
}

export interface GroupPlan {
  readonly groupId: string;
  /** How the group will stand once the commits are made. */
  readonly state: GroupState;
  readonly reason: string | null;
  readonly positions: readonly PlannedPosition[];
}

export function planGroup(input: PlanInput): GroupPlan {
  const { source, destination } = input;
  const { groupId } = source;
  const obstacle = obstacleOf(source, destination);
  const held = new Map(destination.positions.map((position) => [keyOf(position), position]));
  const planned = source.positions.flatMap((position) => planPosition(position, held, input));
  if (obstacle === null) return { groupId, ...standing(planned), positions: planned };
  const { mayKeep, ...reason } = obstacle;
  const positions = planned.map((entry) => ({
    ...entry,
    commit: mayKeep && entry.commit?.offset === entry.destination ? entry.commit : null,
  }));
  return { groupId, ...reason, positions };
}

/** A position on the mirror where it can be committed: not below 0, which a shifted mirror's early offsets would be. */
function wantedOffset(source: bigint, shift: bigint): bigint {
  return source > shift ? source - shift : 0n;
}

interface Obstacle {
  readonly state: GroupState;
  readonly reason: string;
  /** What stands there already may still be kept from expiring. */
  readonly mayKeep: boolean;
}

/** Why nothing new can be committed for the group, whatever its positions. */
function obstacleOf(source: SeenGroup, destination: SeenGroup): Obstacle | null {
  const unsupported =
    unsupportedReason(source, 'at the source') ?? unsupportedReason(destination, 'at the destination');
  if (unsupported !== null) return { state: 'NotSupported', reason: unsupported, mayKeep: false };
  if (destination.problem !== null) return { ...destination.problem, mayKeep: false };
  if (isActive(destination.state))
    return {
      state: 'ActiveAtDestination',
      reason: `the group is ${destination.state} at the destination; positions are committed once its consumers there have stopped`,
      mayKeep: false,
    };
  return source.problem === null ? null : { ...source.problem, mayKeep: true };
}

/** Whether Kafka refuses positions from outside. Where the state is not told, the broker's answer to the commit decides. */
export function isActive(state: string): boolean {
  return !['', 'Empty', 'Dead', 'Absent'].includes(state);
}

/** The same without commits: `sync.groups.commits: false`. */
export function uncommitted(plan: GroupPlan): GroupPlan {
  const positions = plan.positions.map((position) => ({ ...position, commit: null }));
  if (plan.state !== 'Synced' && plan.state !== 'Ahead') return { ...plan, positions };
  const reason = 'sync.groups.commits is false: its positions are looked at, and not committed here';
  return { ...plan, positions, state: 'NotCommitted', reason };
}

/** Why positions of such a group do not travel; null where they do. */
export function unsupportedReason(
  group: Pick<SeenGroup, 'type' | 'protocolType'>,
  where: string,
): string | null {
  const type = group.type.toLowerCase();
  const protocol = group.protocolType;
  if (type === 'share' || protocol === 'share')
    return `it is a share group ${where}: its records are acknowledged one by one, and Kafka takes no such state from outside`;
  if (type === 'streams' || protocol === 'streams')
    return `it is a Streams group ${where} (KIP-1071), which is not supported yet`;
  if (protocol !== '' && protocol !== 'consumer')
    return `it is a group of protocol ${protocol} ${where}, not of consumers`;
  return null;
}

/** One key per partition, for maps. */
export function keyOf({ topic, partition }: Pick<Position, 'topic' | 'partition'>): string {
  return `${topic}-${partition}`;
}

function planPosition(
  position: Position,
  heldPositions: ReadonlyMap<string, Position>,
  input: PlanInput,
): PlannedPosition[] {
  const mirror = input.mirrors.get(position.topic);
  if (mirror === undefined) return [];
  const { mirrorTopic } = mirror;
  const { partition, metadata } = position;
  const shift = mirror.shiftOf(partition);
  const edges = input.edgesOf(mirrorTopic, partition);
  const held = heldPositions.get(keyOf({ topic: mirrorTopic, partition }));
  const wanted = wantedOffset(position.offset, shift ?? 0n);
  const base = {
    topic: position.topic,
    mirrorTopic,
    partition,
    source: position.offset,
    wanted,
    destination: held?.offset ?? null,
    isBelowMirrorStart:
      shift !== null && (position.offset < shift || (edges.start !== null && wanted < edges.start)),
  };
  const commitAt = (offset: bigint, text: string): Position => ({
    topic: mirrorTopic,
    partition,
    offset,
    metadata: text,
  });
  const keep = held !== undefined && input.isRefreshDue ? commitAt(held.offset, held.metadata) : null;

  if (shift === null) return [{ ...base, state: 'unknown', commit: keep }];
  if (position.offset < (mirror.takenAt?.(partition) ?? 0n))
    return [{ ...base, state: 'unknown', isBeforeTakeover: true, commit: keep }];
  const end = edges.highWatermark;
  const within = end === null ? {} : { reachable: earlier(wanted, end) };
  if (held !== undefined && held.offset === wanted && held.metadata === metadata)
    return [{ ...base, ...within, state: 'synced', commit: keep }];
  if (held !== undefined && held.offset > wanted && !input.mayGoBack)
    return [{ ...base, ...within, state: 'ahead', commit: keep }];
  if (edges.highWatermark === null) return [{ ...base, state: 'unknown', commit: keep }];
  const reachable = earlier(wanted, edges.highWatermark);
  const state = reachable < wanted ? 'waiting' : 'behind';
  const isThere = held !== undefined && held.offset === reachable && held.metadata === metadata;
  const goesBack = held !== undefined && held.offset > reachable && !input.mayGoBack;
  if (isThere || goesBack) return [{ ...base, state, reachable, commit: keep }];
  return [{ ...base, state, reachable, commit: commitAt(reachable, metadata) }];
}

/** The worst of the positions decides. */
function standing(positions: readonly PlannedPosition[]): { state: GroupState; reason: string | null } {
  if (positions.length === 0)
    return { state: 'NoPositions', reason: 'it has committed nothing for the topics of this link' };
  const of = (state: PlannedPosition['state']) => positions.filter((entry) => entry.state === state);
  const before = positions.filter((entry) => entry.isBeforeTakeover);
  const unknown = of('unknown').filter((entry) => !entry.isBeforeTakeover);
  if (unknown.length > 0)
    return {
      state: 'WaitingForMirror',
      reason: `how far the mirror is, is not known yet, or it is no copy of the source any more: ${some(unknown)}`,
    };
  if (before.length > 0)
    return {
      state: 'WaitingForMirror',
      reason: `before the point where MirrorMaker 2's topic was taken over, where only lockstep migrate FILE can tell the position: ${some(before)}`,
    };
  const waiting = of('waiting');
  if (waiting.length > 0)
    return { state: 'WaitingForMirror', reason: `beyond the end of the mirror: ${some(waiting)}` };
  const ahead = of('ahead');
  if (ahead.length > 0) return { state: 'Ahead', reason: `further at the destination: ${some(ahead)}` };
  const below = positions.filter((entry) => entry.isBelowMirrorStart);
  if (below.length > 0)
    return {
      state: 'Synced',
      reason: `below the start of the mirror, where auto.offset.reset of the consumer decides: ${some(below)}`,
    };
  return { state: 'Synced', reason: null };
}

/** The first few, with their positions. */
function some(positions: readonly PlannedPosition[]): string {
  const shown = positions
    .slice(0, 3)
    .map(
      ({ mirrorTopic, partition, wanted, destination }) =>
        `${mirrorTopic}-${partition} (source ${wanted}, destination ${destination ?? 'none'})`,
    );
  const more = positions.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
