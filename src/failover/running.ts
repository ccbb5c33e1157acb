// The move of a group that is under way, as far as reachable regions tell; and whether a wish goes on with it.
import type { MoveRecord, RolesRecord } from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import { formatDuration } from '../units.ts';
import { type Driver, livingDriver, MoveLog, thisProcess } from './move-log.ts';
import { isTurnedSince } from './turned-roles.ts';
import type { OpenGroup, OpenRegion } from './types.ts';

export interface RunningMove {
  readonly move: MoveRecord;
  /** Where it is written down. */
  readonly home: OpenRegion;
}

/** What somebody wants to begin, or to go on with. */
export type MoveWish = Pick<MoveRecord, 'kind' | 'to' | 'topics'>;

/** Those that nobody has ended; more than one only where regions could not see each other. */
export function runningMoves({ config, regions }: OpenGroup): RunningMove[] {
  return [...regions.values()].flatMap((home) => {
    if (home.cluster === null) return [];
    const moves = [...(home.state?.moves.values() ?? [])];
    return moves
      .filter(({ group, state }) => group === config.name && state === 'running')
      .map((move) => ({ move, home }));
  });
}

/** Whether the same command was given again. */
export function isSameWish(move: MoveRecord, { kind, to, topics }: MoveWish): boolean {
  const set = (names: readonly string[] | null) => (names === null ? null : [...names].sort().join(','));
  return move.kind === kind && move.to === to && set(move.topics) === set(topics);
}

/** Somebody has changed the roles since it began, so that it can't be gone on with. */
export function isOvertaken(move: MoveRecord, roles: RolesRecord | null): boolean {
  if (move.kind === 'restore' || roles === null) return false;
  return roles.moveId !== move.id && isTurnedSince(roles, move.rolesGeneration);
}

/** @throws LockstepError USAGE where a living terminal drives the move. */
export async function requireAbandoned({ move, home }: RunningMove, nowMs: number): Promise<void> {
  const driver = await livingDriver(home, move);
  if (driver !== null) throw new LockstepError('USAGE', drivenWords(move, driver, nowMs));
}

function drivenWords(move: MoveRecord, { by, pid }: Driver, nowMs: number): string {
  return (
    `${by} (process ${pid}) runs the ${describeMove(move, nowMs)}; wait for it, or stop it there with Ctrl-C. ` +
    'When that terminal is dead, the same command with --resume goes on, and with --undo takes it back'
  );
}

/** `switchover to eu-west by ann@ops since 2026-11-21 18:00:00 UTC (3 min ago), at step catchUp`. */
export function describeMove({ kind, to, startedAtMs, step }: MoveRecord, nowMs: number): string {
  const since = `${new Date(startedAtMs).toISOString().replace('T', ' ').slice(0, 19)} UTC`;
  const ago = nowMs >= startedAtMs ? ` (${formatDuration(nowMs - startedAtMs)} ago)` : '';
  return `${kind} to ${to} since ${since}${ago}, at step ${step}`;
}

/** Ends a move that nobody can go on with, or that a failover takes the place of. */
export async function giveUp({ move, home }: RunningMove, by: string, reason: string): Promise<void> {
  const log = new MoveLog(home, move, { driver: thisProcess(by), nowMs: Date.now });
  await log.release({ state: 'failed', facts: { failure: { step: move.step, reason, atMs: Date.now() } } });
}
