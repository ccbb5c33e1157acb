// Which broker of the destination the fleet leans on just now: the leader of its control topic, and the coordinator of
// its group.
import { fleetGroup } from '../../src/agent/fleet-agent.ts';
import { Cluster, Coordinators } from '../../src/client/index.ts';
import { controlTopic } from '../../src/control/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../../test/client/support.ts';
import type { BrokerRole } from './plan.ts';

const findTimeoutMs = 10_000;

export class BrokerRoles implements Disposable {
  readonly #cluster: Cluster;

  private constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  static async connect(region: Region): Promise<BrokerRoles> {
    return new BrokerRoles(await Cluster.connect(configOf(region)));
  }

  /** The id of the broker that has this part. */
  async brokerIn(role: BrokerRole): Promise<number> {
    const cluster = this.#cluster;
    if (role === 'controlLeader') {
      await cluster.refreshMetadata([controlTopic]);
      return (await cluster.leaderOf(controlTopic, 0)).leaderId;
    }
    const key = { type: 'group', key: fleetGroup } as const;
    const connection = await cluster.connectionTo('any');
    return (await new Coordinators(cluster.name).find(key, connection, findTimeoutMs)).nodeId;
  }

  [Symbol.dispose](): void {
    this.#cluster.close();
  }
}
