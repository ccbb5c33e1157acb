// The two clusters as the keeper of rights needs them, and the words for rights that are missing.
import {
  type Acl,
  alterClientQuotas,
  authorizedOperations,
  type ClientQuota,
  type Cluster,
  createAcls,
  deleteAcls,
  describeAcls,
  describeClientQuotas,
  describeScramUsers,
  grantCommand,
  type Outcome,
  type QuotaChange,
  type ScramUser,
  setScramPassword,
} from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { apis } from '../../protocol/index.ts';
import { findLeniency, untilShown } from './leniency.ts';
import type { Leniency, SuppliedUser } from './types.ts';

/** A cluster that is down must not hold up what is done at the other one. */
const sourceTimeoutMs = 10_000;
/** The controller takes 10,000 records at once. */
const rulesPerRequest = 500;
const securityDisabled = 54;

export interface SourceRights {
  /** null where no authorizer runs. */
  rules(): Promise<Acl[] | null>;
  quotas(): Promise<ClientQuota[]>;
  users(): Promise<ScramUser[]>;
}

export interface DestinationRights extends SourceRights {
  leniency(rules: readonly Acl[]): Promise<Leniency>;
  /** Those of the topics that we may write to; null where brokers don't tell. */
  writable(topics: readonly string[]): Promise<ReadonlySet<string> | null>;
  /** Resolves when every broker knows the rule. */
  untilShown(rule: Acl): Promise<void>;
  create(rules: readonly Acl[]): Promise<Outcome<void>[]>;
  delete(rules: readonly Acl[]): Promise<Outcome<unknown>[]>;
  alterQuotas(changes: readonly QuotaChange[]): Promise<Outcome<void>[]>;
  setPassword(user: SuppliedUser): Promise<Outcome<void>>;
}

export function sourceRights(cluster: Cluster): SourceRights {
  return rightsOf(cluster, { timeoutMs: sourceTimeoutMs });
}

/** Answers that are still awaited when the signal of that time comes count as not given. */
export function interruptible(source: SourceRights, signalOfNow: () => AbortSignal): SourceRights {
  const orStopped = <T>(ask: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const signal = signalOfNow();
      const stop = () =>
        reject(new LockstepError('CONNECTION_CLOSED', 'the source has not answered and is not waited for'));
      if (signal.aborted) return stop();
      signal.addEventListener('abort', stop, { once: true });
      ask()
        .then(resolve, reject)
        .finally(() => signal.removeEventListener('abort', stop));
    });
  return {
    rules: () => orStopped(() => source.rules()),
    quotas: () => orStopped(() => source.quotas()),
    users: () => orStopped(() => source.users()),
  };
}

export function destinationRights(cluster: Cluster): DestinationRights {
  return {
    ...rightsOf(cluster, {}),
    leniency: (rules) => findLeniency(cluster, rules),
    writable: (topics) => writableTopics(cluster, topics),
    async untilShown(rule) {
      await cluster.metadata({ topics: [] });
      await Promise.all(cluster.brokers.map(({ id }) => untilShown(cluster, rule, id)));
    },
    create: (rules) =>
      inPortions(rules, (portion) => naming(cluster, 'Alter', 'rules', () => createAcls(cluster, portion))),
    delete: (rules) =>
      inPortions(rules, (portion) => naming(cluster, 'Alter', 'rules', () => deleteAcls(cluster, portion))),
    alterQuotas: (changes) =>
      naming(cluster, 'AlterConfigs', 'quotas', () => alterClientQuotas(cluster, changes)),
    setPassword: (user) => naming(cluster, 'Alter', 'users', () => setScramPassword(cluster, user)),
  };
}

function rightsOf(cluster: Cluster, options: { timeoutMs?: number }): SourceRights {
  return {
    async rules() {
      try {
        return await naming(cluster, 'Describe', 'rules', () => describeAcls(cluster, {}, options));
      } catch (error) {
        if (error instanceof LockstepError && error.detail.number === securityDisabled) return null;
        throw error;
      }
    },
    quotas: () => naming(cluster, 'DescribeConfigs', 'quotas', () => describeClientQuotas(cluster, options)),
    users: () => naming(cluster, 'Describe', 'users', () => describeScramUsers(cluster, options)),
  };
}

/** Metadata tells rights from version 8 on (KIP-430). */
const rightsVersionMin = 8;

async function writableTopics(
  cluster: Cluster,
  topics: readonly string[],
): Promise<ReadonlySet<string> | null> {
  const answer = await cluster.request(
    apis.Metadata,
    {
      topics: topics.map((name) => ({ name })),
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: true,
    },
    { versionMin: rightsVersionMin, what: 'describing our rights on mirrors' },
  );
  const rights = answer.topics.map(({ name, errorCode, topicAuthorizedOperations }) => ({
    name,
    operations: errorCode === 0 ? authorizedOperations(topicAuthorizedOperations) : [],
  }));
  if (rights.some(({ operations }) => operations === null)) return null;
  return new Set(
    rights.flatMap(({ name, operations }) => (operations!.includes('WRITE') ? [name ?? ''] : [])),
  );
}

async function inPortions<Item, Result>(
  items: readonly Item[],
  run: (portion: readonly Item[]) => Promise<Result[]>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let start = 0; start < items.length; start += rulesPerRequest)
    results.push(...(await run(items.slice(start, start + rulesPerRequest))));
  return results;
}

type ClusterRight = 'Describe' | 'Alter' | 'DescribeConfigs' | 'AlterConfigs';

/** Names the right on the cluster that is missing, in errors that are thrown and in those of single items. */
async function naming<T>(
  cluster: Cluster,
  right: ClusterRight,
  what: string,
  run: () => Promise<T>,
): Promise<T> {
  try {
    const result = await run();
    const outcomes = (Array.isArray(result) ? result : [result]) as readonly Partial<Outcome<unknown>>[];
    for (const outcome of outcomes)
      if (outcome.ok === false && isDenied((outcome as { error: LockstepError }).error))
        throw (outcome as { error: LockstepError }).error;
    return result;
  } catch (error) {
    if (!isDenied(error)) throw error;
    const verb = right.startsWith('Describe') ? 'read' : 'made';
    throw new LockstepError(
      'NOT_AUTHORIZED',
      `cluster ${cluster.name}: ${what} can't be ${verb}: ${right} on the cluster is missing; ` +
        grantCommand(cluster.name, { operation: right, resource: 'cluster' }, 'user of the agent'),
      { cause: error, detail: { ...error.detail, right } },
    );
  }
}

function isDenied(error: unknown): error is LockstepError {
  return error instanceof LockstepError && error.code === 'NOT_AUTHORIZED';
}
