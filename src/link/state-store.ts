// What links write down at the destination once and for all, as the functions that they need of the topic that holds it.
import { LockstepError } from '../errors.ts';

/** Keys and values; of several valid values of a key the first one holds. */
export interface StateStore {
  refresh(): Promise<void>;
  first(key: string, isValid: (value: string) => boolean): string | undefined;
  putIfAbsent(key: string, value: string, isValid: (value: string) => boolean): Promise<string>;
}

export function jsonOf(value: string): Record<string, unknown> {
  try {
    return (JSON.parse(value) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** For values that this version can't read: a guess would be a wrong copy. */
export function unreadableRecord(what: string, version: unknown): LockstepError {
  return new LockstepError(
    'CONFIG_INVALID',
    `topic __lockstep: a ${what} was written that this Lockstep can't read (version ${String(version)}); use the newer one`,
  );
}
