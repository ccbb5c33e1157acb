// Rights for filling holes, in the way that each link asks for: markers, or empty transactions. Brokers tell our rights
// on the cluster only to who may describe it, and none on transactional ids. So they are seen in requests that are
// refused either way, for the right or because there is no such topic or transaction, before anything is done.
import { type Cluster, isAuthorizationError } from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';
import { transactionalIdPrefix } from '../../mirror/index.ts';
import { apis } from '../../protocol/index.ts';
import type { LinkConfig } from '../../topology/index.ts';
import type { Check, Roles } from './checks.ts';
import { isDestination } from './checks.ts';

/** What we may do with the transactional ids of a link. */
export interface TransactionRights {
  readonly link: string;
  readonly write: boolean;
  readonly describe: boolean;
}

const noProducer = { producerId: -1n, producerEpoch: -1 } as const;
/** Nobody's: brokers keep names that begin with two underscores to themselves and their tools. */
const noTopic = '__lockstep-no-such-topic';
const unknownTopicOrPartition = 3;
const grant = 'kafka-acls --add --allow-principal PRINCIPAL';

/** The checks `marker-right` and `transaction-right`, of those links that need them. */
export async function holeRightsChecks(cluster: Cluster, roles: Roles): Promise<Check[]> {
  if (!isDestination(roles)) return [];
  const links = roles.destinationOf;
  const byMarkers = links.filter((link) => link.holes === 'markers');
  const byTransactions = links.filter((link) => link.holes === 'transactions');
  const checks: Check[] = [];
  // A cluster of no link may become the destination of one that fills holes with markers, as by default.
  if (byMarkers.length > 0 || links.length === 0) {
    const right = await mayWriteMarkers(cluster);
    checks.push(markerRightCheck(right, right === false ? await rightsOf(cluster, byMarkers) : []));
  }
  if (byTransactions.length > 0) checks.push(transactionRightCheck(await rightsOf(cluster, byTransactions)));
  return checks;
}

/**
 * The check `marker-right`.
 * @param right null where it can't be seen
 * @param fallback what the links could do with empty transactions instead
 */
export function markerRightCheck(right: boolean | null, fallback: readonly TransactionRights[] = []): Check {
  const name = 'marker-right';
  if (right === null)
    return { name, mark: 'unknown', detail: 'the brokers do not tell whether we may write markers' };
  if (right) return { name, mark: 'ok', detail: 'ALTER or CLUSTER_ACTION on the cluster' };
  const lacking = fallback.filter((rights) => !isWhole(rights)).map(({ link }) => link);
  const withRight = lacking.length === 0 ? 'our rights suffice for that' : `that needs ${grantFor(lacking)}`;
  const way =
    fallback.length === 0 ? '' : `; or set holes: transactions in the link, which is slower: ${withRight}`;
  return {
    name,
    mark: 'advice',
    detail:
      'neither ALTER nor CLUSTER_ACTION on the cluster: a partition stops at its first hole (transactions, compaction)',
    remedy: `${grant} --operation Alter --cluster (CLUSTER_ACTION is stronger: it also lets us fetch every topic)${way}`,
  };
}

/** The check `transaction-right`. */
export function transactionRightCheck(rights: readonly TransactionRights[]): Check {
  const name = 'transaction-right';
  const prefixes = rights.map(({ link }) => transactionalIdPrefix(link)).join(', ');
  const lacking = rights.filter((each) => !isWhole(each));
  if (lacking.length === 0)
    return {
      name,
      mark: 'ok',
      detail: `WRITE and DESCRIBE on transactional ids that begin with ${prefixes}`,
    };
  const missing = lacking.map(({ link, write, describe }) => {
    const operations = [...(write ? [] : ['WRITE']), ...(describe ? [] : ['DESCRIBE'])];
    return `no ${operations.join(', no ')} on transactional ids that begin with ${transactionalIdPrefix(link)}`;
  });
  return {
    name,
    mark: 'bad',
    detail: `${missing.join('; ')}: a partition stops at its first hole (transactions, compaction)`,
    remedy: grantFor(lacking.map(({ link }) => link)),
  };
}

function isWhole({ write, describe }: TransactionRights): boolean {
  return write && describe;
}

function grantFor(links: readonly string[]): string {
  const commands = links.map(
    (link) =>
      `${grant} --operation Write --operation Describe --transactional-id ${transactionalIdPrefix(link)} --resource-pattern-type prefixed`,
  );
  return commands.join('; ');
}

/** By a marker for a topic that is not there. null when the brokers do not tell. */
async function mayWriteMarkers(cluster: Cluster): Promise<boolean | null> {
  const topics = [{ name: noTopic, partitionIndexes: [0] }];
  try {
    const answer = await cluster.request(apis.WriteTxnMarkers, { markers: [{ ...noProducer, topics }] });
    const errorCode = answer.markers[0]?.topics[0]?.partitions[0]?.errorCode;
    if (errorCode === unknownTopicOrPartition) return true;
    return errorCode !== undefined && isAuthorizationError(errorCode) ? false : null;
  } catch (error) {
    if (error instanceof LockstepError && error.code === 'UNSUPPORTED_VERSION') return null;
    throw error;
  }
}

function rightsOf(cluster: Cluster, links: readonly LinkConfig[]): Promise<TransactionRights[]> {
  return Promise.all(links.map((link) => transactionRights(cluster, link.name)));
}

const anyAnswer = { to: 'any', errorOf: () => ({ number: 0 }) } as const;

/** As `transactionRights`, of one right. */
export async function mayWriteTransactions(cluster: Cluster, transactionalId: string): Promise<boolean> {
  const ended = await cluster.request(
    apis.EndTxn,
    { transactionalId, ...noProducer, committed: false },
    { ...anyAnswer, versionMax: 4 },
  );
  return !isAuthorizationError(ended.errorCode);
}

/**
 * Sent to any broker, since the right is looked at first. No transaction has producer id -1, so there is nothing that
 * could be ended; and the coordinator is not looked for, which would create its topic.
 */
async function transactionRights(cluster: Cluster, link: string): Promise<TransactionRights> {
  const transactionalId = `${transactionalIdPrefix(link)}doctor`;
  const [write, described] = await Promise.all([
    mayWriteTransactions(cluster, transactionalId),
    cluster.request(apis.DescribeTransactions, { transactionalIds: [transactionalId] }, anyAnswer),
  ]);
  return {
    link,
    write,
    describe: !isAuthorizationError(described.transactionStates[0]?.errorCode ?? 0),
  };
}
