// Where what keeps rights and groups remembers what is its own, over a change of leaders.

/** Keys are below a prefix that the store was made with; `put` resolves when the entries are kept for good, null removes one. */
export interface KeeperStore {
  entries(): ReadonlyMap<string, unknown>;
  put(entries: ReadonlyMap<string, object | null>): Promise<void>;
}
