// A member of the fleet: Kafka's group protocol on connections of its own.
import type { MembershipOptions, MembershipStatus } from './types.ts';

/** Membership in the fleet's group: who does what, and who leads. */
export class Membership {
  readonly #options: MembershipOptions;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  /**
   * Joins, and resolves with the first sharing out. From then on it goes on by itself, whatever happens.
   * @throws LockstepError NOT_AUTHORIZED (READ on the group), KAFKA_ERROR: what does not get better by itself.
   */
  async start(): Promise<void> {}

  /** Has everything stopped (`onRevoked`), then leaves the group, so that others have it at once. */
  async stop(): Promise<void> {}

  /** The work has changed: shared out anew soon, if this member leads. */
  workChanged(): void {}

  status(): MembershipStatus {
    throw new Error(`not yet: ${this.#options.groupId}`);
  }
}
