// A DENY for the agent's own principal would stop the mirrors. Which one that is, is told by a configuration that may be
// wrong (brokers can map names by rules of their own); so what we may do is asked before and after DENYs are made, and
// they are taken back where they hit ourselves. Where the answer fails (a broker that is down), it is asked for again.
import { type Acl, unwrap } from '../../client/index.ts';
import type { KeeperStore } from '../keeper-store.ts';
import { putRecords } from './carry-out.ts';
import type { Plan } from './plan.ts';
import { ruleKey } from './rules.ts';
import type { DestinationRights } from './sides.ts';

export interface LockoutOptions {
  readonly destination: Pick<DestinationRights, 'writable' | 'untilShown' | 'delete'>;
  readonly store: KeeperStore;
}

export class Lockout {
  readonly #options: LockoutOptions;
  /** DENY WRITEs, by their key, on topics that we could write to before; what they did to us is not known yet. */
  readonly #unproven = new Map<string, Acl>();

  constructor(options: LockoutOptions) {
    this.#options = options;
  }

  /** Runs `make`; `isLockedOut` where the plan's DENY WRITEs took WRITE from ourselves: they are gone again then. */
  async without(
    plan: Plan,
    make: () => Promise<readonly Acl[]>,
  ): Promise<{ after: readonly Acl[]; isLockedOut: boolean }> {
    const { destination, store } = this.#options;
    const denies = plan.denies.filter((acl) => plan.records.get(ruleKey(acl))?.why === 'withheld');
    const topics = [...new Set(denies.map(({ resourceName }) => resourceName))];
    const before = topics.length === 0 ? null : await destination.writable(topics);
    for (const acl of denies) if (before?.has(acl.resourceName)) this.#unproven.set(ruleKey(acl), acl);
    const after = await make();
    const standing = new Set(after.map(ruleKey));
    const made = [...this.#unproven.values()].filter((acl) => standing.has(ruleKey(acl)));
    const lost = made.length === 0 ? [] : await this.#thatHitUs(made);
    for (const outcome of await destination.delete(lost)) unwrap(outcome);
    await putRecords(
      store,
      lost.map((acl) => [`rule/${ruleKey(acl)}`, null]),
    );
    this.#unproven.clear();
    const gone = new Set(lost.map(ruleKey));
    return { after: after.filter((acl) => !gone.has(ruleKey(acl))), isLockedOut: lost.length > 0 };
  }

  async #thatHitUs(made: readonly Acl[]): Promise<readonly Acl[]> {
    const { destination } = this.#options;
    // Rules reach a broker in the order in which they were made.
    await destination.untilShown(made.at(-1)!);
    const now = await destination.writable([...new Set(made.map(({ resourceName }) => resourceName))]);
    return now === null ? [] : made.filter(({ resourceName }) => !now.has(resourceName));
  }
}
