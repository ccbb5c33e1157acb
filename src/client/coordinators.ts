// Which broker coordinates a group or a transactional id (FindCoordinator). Asked once and remembered until a
// broker says that it is not the coordinator, or can't be reached. v4 and newer ask for many keys at once
// (KIP-699), older ones for one.
import { apis } from '../protocol/index.ts';
import type { BrokerAddress } from './config.ts';
import type { Connection } from './connection.ts';
import { kafkaFailure } from './kafka-failure.ts';

export interface CoordinatorKey {
  readonly type: 'group' | 'transaction';
  readonly key: string;
}

export interface Coordinator extends BrokerAddress {
  readonly nodeId: number;
}

const keyTypes = { group: 0, transaction: 1 } as const;
const batchedSinceVersion = 4;

export class Coordinators {
  readonly #cluster: string;
  readonly #known = new Map<string, Coordinator>();

  constructor(cluster: string) {
    this.#cluster = cluster;
  }

  known(of: CoordinatorKey): Coordinator | undefined {
    return this.#known.get(cacheKey(of));
  }

  forget(of: CoordinatorKey): void {
    this.#known.delete(cacheKey(of));
  }

  /** Asks over this connection. @throws LockstepError KAFKA_ERROR (15 is retriable: it may just be created). */
  async find(of: CoordinatorKey, connection: Connection, timeoutMs: number): Promise<Coordinator> {
    const batched = connection.versionOf(apis.FindCoordinator) >= batchedSinceVersion;
    const keyType = keyTypes[of.type];
    const input = batched ? { keyType, coordinatorKeys: [of.key] } : { keyType, key: of.key };
    const answer = await connection.send(apis.FindCoordinator, input, { timeoutMs });
    const found = batched ? answer.coordinators[0] : answer;
    const errorCode = found === undefined ? 15 : found.errorCode;
    if (found === undefined || errorCode !== 0) {
      throw kafkaFailure(errorCode, {
        cluster: this.#cluster,
        what: `finding the coordinator of ${of.type} ${of.key}`,
        brokerMessage: found?.errorMessage,
        // Describe would be enough for this answer, and for nothing that comes after it.
        ...(of.type === 'transaction' && {
          right: { operation: 'Write', resource: { transactionalId: of.key } },
        }),
      });
    }
    const coordinator = { nodeId: found.nodeId, host: found.host, port: found.port };
    this.#known.set(cacheKey(of), coordinator);
    return coordinator;
  }
}

function cacheKey(of: CoordinatorKey): string {
  return `${of.type} ${of.key}`;
}
