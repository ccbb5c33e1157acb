// What links write down at the destination once and for all, as the functions that they need of the topic that holds it.
import { LockstepError } from '../errors.ts';

/** Keys and values; of several valid values of a key the first one holds. */
export interface StateStore {
  refresh(): Promise<void>;
  first(key: string, isValid: (value: string) => boolean): string | undefined;
  /** The last value of a key, valid or not: the one that compaction keeps. */
  last(key: string): string | undefined;
  putIfAbsent(key: string, value: string, isValid: (value: string) => boolean): Promise<string>;
}

/**
 * The value that holds. Where another one came later, whoever wrote that may have died before it was mended: it is put
 * again, since compaction would keep the wrong one.
 */
export async function valueHeld(
  store: StateStore,
  key: string,
  isValid: (value: string) => boolean,
): Promise<string | undefined> {
  const value = store.first(key, isValid);
  if (value === undefined || store.last(key) === value) return value;
  return store.putIfAbsent(key, value, isValid);
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
