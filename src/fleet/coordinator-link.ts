// Two connections to the group's coordinator: JoinGroup and SyncGroup block theirs until the whole group is there, and
// heartbeats must go on meanwhile.
import { type Cluster, type Connection, Coordinators } from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import {
  apis,
  type JoinGroupRequest,
  type JoinGroupResponse,
  type SyncGroupResponse,
} from '../protocol/index.ts';
import { wayOut } from './refusals.ts';
import type { MemberShare } from './sharing.ts';

/** Kafka's protocol type of the group: neither consumers nor Connect join it by mistake. */
const protocolType = 'lockstep';
/** Beyond the rebalance timeout, as Kafka's own clients have it, ms. */
const joinMarginMs = 5_000;
/** How long a clean stop waits to be taken note of, ms. */
const leaveTimeoutMs = 2_000;
const membersListedSinceVersion = 3;
const groupAuthorizationFailed = 30;

export interface CoordinatorLinkOptions {
  readonly cluster: Cluster;
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
  /** How long the group waits for a member that is heard but does not join again, ms. */
  readonly rebalanceTimeoutMs: number;
}

export class CoordinatorLink {
  readonly #options: CoordinatorLinkOptions;
  readonly #joining: Connection;
  readonly #beating: Connection;

  private constructor(options: CoordinatorLinkOptions, joining: Connection, beating: Connection) {
    this.#options = options;
    this.#joining = joining;
    this.#beating = beating;
  }

  /** Finds the coordinator and connects to it. @throws LockstepError as `Cluster.request` and `openConnection`. */
  static async open(options: CoordinatorLinkOptions): Promise<CoordinatorLink> {
    const { cluster, groupId, sessionTimeoutMs } = options;
    const opened: Connection[] = [];
    try {
      const any = await cluster.connectionTo('any');
      const key = { type: 'group', key: groupId } as const;
      const { nodeId } = await new Coordinators(cluster.name).find(key, any, sessionTimeoutMs);
      for (const purpose of ['group', 'heartbeat'])
        opened.push(
          await cluster.openConnection(nodeId, {
            purpose,
            readBufferBytes: 16 * 1024,
            inFlightRequestsMax: 2,
          }),
        );
      return new CoordinatorLink(options, opened[0]!, opened[1]!);
    } catch (error) {
      for (const connection of opened) connection.close();
      // The broker may have another address now.
      cluster.refreshMetadata([]).catch(() => {});
      throw namingTheRight(error, groupId);
    }
  }

  /** Resolves when one of the connections has closed, with the reason; null after `close()`. */
  get closed(): Promise<LockstepError | null> {
    return Promise.race([this.#joining.closed, this.#beating.closed]);
  }

  join(memberId: string, protocols: JoinGroupRequest['protocols']): Promise<JoinGroupResponse> {
    const { groupId, sessionTimeoutMs, rebalanceTimeoutMs } = this.#options;
    return this.#joining.send(
      apis.JoinGroup,
      { groupId, sessionTimeoutMs, rebalanceTimeoutMs, memberId, protocolType, protocols },
      { timeoutMs: rebalanceTimeoutMs + joinMarginMs },
    );
  }

  sync(
    member: { memberId: string; generation: number; protocolName: string },
    shares: readonly MemberShare[],
  ): Promise<SyncGroupResponse> {
    const { groupId, rebalanceTimeoutMs } = this.#options;
    const { memberId, generation, protocolName } = member;
    return this.#joining.send(
      apis.SyncGroup,
      {
        groupId,
        generationId: generation,
        memberId,
        protocolType,
        protocolName,
        assignments: [...shares],
      },
      { timeoutMs: rebalanceTimeoutMs + joinMarginMs },
    );
  }

  /** The error code of the answer. */
  async beat(memberId: string, generation: number): Promise<number> {
    const { groupId, sessionTimeoutMs } = this.#options;
    const answer = await this.#beating.send(
      apis.Heartbeat,
      { groupId, generationId: generation, memberId },
      { timeoutMs: Math.round(sessionTimeoutMs / 3) },
    );
    return answer.errorCode;
  }

  async leave(memberId: string): Promise<void> {
    const { groupId } = this.#options;
    const isListed = this.#beating.versionOf(apis.LeaveGroup) >= membersListedSinceVersion;
    const who = isListed ? { members: [{ memberId, reason: 'the agent stops' }] } : { memberId };
    await this.#beating.send(apis.LeaveGroup, { groupId, ...who }, { timeoutMs: leaveTimeoutMs });
  }

  close(): void {
    this.#joining.close();
    this.#beating.close();
  }
}

function namingTheRight(error: unknown, groupId: string): unknown {
  if (!(error instanceof LockstepError) || error.detail.number !== groupAuthorizationFailed) return error;
  const text = `${error.message} ${wayOut(groupAuthorizationFailed, groupId)}.`;
  return new LockstepError(error.code, text, { cause: error, detail: error.detail });
}
