// One member of a group that does nothing but be there: Kafka's classic protocol, or that of KIP-848.
import { randomUUID } from 'node:crypto';
import type { Cluster } from '../../src/client/index.ts';
import { LockstepError } from '../../src/errors.ts';
import { apis } from '../../src/protocol/index.ts';

const sessionTimeoutMs = 45_000;
const memberIdRequired = 79;

export class GroupMember {
  readonly #cluster: Cluster;
  readonly #group: string;
  readonly #memberId: string;
  readonly #isClassic: boolean;

  private constructor(cluster: Cluster, group: string, memberId: string, isClassic: boolean) {
    this.#cluster = cluster;
    this.#group = group;
    this.#memberId = memberId;
    this.#isClassic = isClassic;
  }

  static async join(
    cluster: Cluster,
    group: string,
    topic: string,
    protocol: 'classic' | 'consumer',
    protocolType = 'consumer',
  ): Promise<GroupMember> {
    const to = { coordinatorOf: { type: 'group', key: group } } as const;
    if (protocol === 'consumer') {
      const memberId = randomUUID();
      await cluster.request(
        apis.ConsumerGroupHeartbeat,
        {
          ...{ groupId: group, memberId, memberEpoch: 0, rebalanceTimeoutMs: sessionTimeoutMs },
          ...{ subscribedTopicNames: [topic], topicPartitions: [] },
        },
        { to },
      );
      return new GroupMember(cluster, group, memberId, false);
    }
    let memberId = '';
    const join = () =>
      cluster.request(
        apis.JoinGroup,
        {
          ...{
            groupId: group,
            sessionTimeoutMs,
            rebalanceTimeoutMs: sessionTimeoutMs,
            memberId,
            protocolType,
          },
          protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
        },
        {
          to,
          errorOf: (body) => {
            memberId = body.memberId;
            return { number: body.errorCode };
          },
        },
      );
    const joined = await join().catch((error: unknown) => {
      if (!(error instanceof LockstepError) || error.detail.number !== memberIdRequired) throw error;
      return join();
    });
    await cluster.request(
      apis.SyncGroup,
      {
        ...{
          groupId: group,
          generationId: joined.generationId,
          memberId,
          protocolType,
          protocolName: 'range',
        },
        assignments: [{ memberId, assignment: Buffer.alloc(0) }],
      },
      { to },
    );
    return new GroupMember(cluster, group, memberId, true);
  }

  async leave(): Promise<void> {
    const to = { coordinatorOf: { type: 'group', key: this.#group } } as const;
    const groupId = this.#group;
    if (this.#isClassic)
      await this.#cluster.request(
        apis.LeaveGroup,
        { groupId, members: [{ memberId: this.#memberId }] },
        { to, versionMin: 3 },
      );
    else
      await this.#cluster.request(
        apis.ConsumerGroupHeartbeat,
        { groupId, memberId: this.#memberId, memberEpoch: -1 },
        { to },
      );
  }
}
