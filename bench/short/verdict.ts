// What the short benchmark makes of its rounds: ratios of Lockstep to the bare copier of the same minute, and whether one of
// them is grossly worse than what was recorded. Pure.
import type { Figures } from '../figures.ts';
import { medianOf } from '../wanted.ts';
import type { CopierCost } from './bare-copier.ts';

/** More is worse in each of them. */
export interface Ratios {
  /** CPU seconds per GB. */
  readonly cpu: number;
  /** Seconds per GB. */
  readonly time: number;
  /** Largest resident memory. */
  readonly memory: number;
}

export const ratioNames = { cpu: 'CPU per GB', time: 'time per GB', memory: 'peak RSS' } as const;

/** What may fail a run. Time is told only: what else the machine does moves it threefold, and CPU hardly. */
const judged: readonly (keyof Ratios)[] = ['cpu', 'memory'];

/** Recorded ratios times this are the limit: what a loaded machine and another kind of it do stays below. */
export const grossly = 2;

export function ratiosOf(lockstep: Figures, copier: CopierCost): Ratios {
  const { cpuSecondsPerGb = NaN, megabytesPerSecond = NaN, peakRssMb = NaN } = lockstep;
  return {
    cpu: cpuSecondsPerGb / copier.cpuSecondsPerGb,
    time: copier.megabytesPerSecond / megabytesPerSecond,
    memory: peakRssMb / copier.peakRssMb,
  };
}

/** What is grossly worse in every one of these rounds, a line each: other programs disturb one, a regression all of them. */
export function grosslyWorse(rounds: readonly Ratios[], recorded: Ratios): string[] {
  return judged.flatMap((name) => {
    const best = Math.min(...rounds.map((round) => (Number.isNaN(round[name]) ? Infinity : round[name])));
    const limit = recorded[name] * grossly;
    if (best <= limit) return [];
    return `${ratioNames[name]}: ${best.toFixed(2)} times the bare copier's at best; ${recorded[name].toFixed(2)} was recorded, ${limit.toFixed(2)} is the limit`;
  });
}

/** The medians, to be recorded. */
export function medianRatios(rounds: readonly Ratios[]): Ratios {
  const of = (name: keyof Ratios) => Number(medianOf(rounds.map((round) => round[name])).toFixed(3));
  return { cpu: of('cpu'), time: of('time'), memory: of('memory') };
}

export function ratioLine(ratios: Ratios, recorded: Ratios): string {
  const told = namesOf(recorded).map(
    (name) => `${ratioNames[name]} ${ratios[name].toFixed(2)} (recorded ${recorded[name].toFixed(2)})`,
  );
  return `Lockstep to the bare copier: ${told.join(', ')}`;
}

function namesOf(ratios: Ratios): (keyof Ratios)[] {
  return Object.keys(ratios) as (keyof Ratios)[];
}
