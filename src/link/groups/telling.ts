// Says what people should know about groups once, however often it is seen, and in one line for many groups.
import type { Notice } from '../notice.ts';
import type { GroupState, GroupStatus } from './types.ts';

const groupsNamedMax = 3;
/** States that a person has to act on, or should at least know of. */
const toldStates: Partial<Record<GroupState, Notice['level']>> = {
  NotAuthorized: 'warning',
  Failed: 'warning',
  NotSupported: 'warning',
  ActiveAtDestination: 'info',
};

export class GroupTelling {
  readonly #tell: (level: Notice['level'], text: string) => void;
  readonly #problems = new Set<string>();
  readonly #lastStates = new Map<string, GroupState>();

  constructor(tell: (level: Notice['level'], text: string) => void) {
    this.#tell = tell;
  }

  tell(level: Notice['level'], text: string): void {
    this.#tell(level, text);
  }

  /** Said once until it is solved. */
  problem(key: string, text: string, level: Notice['level'] = 'warning'): void {
    if (this.#problems.has(key)) return;
    this.#problems.add(key);
    this.#tell(level, text);
  }

  solved(key: string): void {
    this.#problems.delete(key);
  }

  /** Groups that came into a state since the last time. */
  groups(statuses: readonly GroupStatus[]): void {
    for (const [state, level] of Object.entries(toldStates)) {
      const news = statuses.filter(
        (status) => status.state === state && this.#lastStates.get(status.group) !== state,
      );
      if (news.length === 0) continue;
      const named = news.slice(0, groupsNamedMax).map(({ group }) => group);
      const more = news.length - named.length;
      const which = `${news.length === 1 ? 'group' : 'groups'} ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
      this.#tell(level, `${which}: ${state}: ${news[0]!.reason}`);
    }
    this.#lastStates.clear();
    for (const { group, state } of statuses) this.#lastStates.set(group, state);
  }
}
