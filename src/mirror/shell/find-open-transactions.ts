// Who holds a source partition's last stable offset. Records from there on are not decided, and nothing of them is
// copied; so people have to learn whose transaction it is, whether it ends by itself, and what ends it otherwise.
//
// 1. DescribeProducers on the leader: the open transaction that starts lowest holds the last stable offset.
// 2. ListTransactions on every broker: the transactional id of that producer id.
// 3. DescribeTransactions on its coordinator: since when, with which time-out, and whether this partition is in it.
// 4. A transaction that no coordinator knows, or that knows nothing of this partition, hangs: it ends never. But it may
//    just have ended between two questions, so 1 is asked again before that is said.
import {
  type Cluster,
  type DescribedTransaction,
  describeProducers,
  describeTransactions,
  type ListedTransaction,
  listTransactions,
  mayDescribeTransactions,
  type Outcome,
  type ProducerState,
} from '../../client/index.ts';
import { LockstepError } from '../../errors.ts';

export interface WaitingPartition {
  readonly topic: string;
  readonly partition: number;
  readonly lastStableOffset: bigint;
}

/** What the partition's leader knows of the producer. */
export interface Holder {
  readonly producerId: bigint;
  readonly startOffset: bigint;
  /** Timestamp of its newest batch, ms: the producer's word, -1 when none. */
  readonly lastTimestamp: bigint;
}

/** Why a partition's last stable offset stays. */
export type OpenTransaction =
  /** Open, and its coordinator knows it: it ends at its time-out at the latest. */
  | (Holder & {
      readonly kind: 'open';
      readonly transactionalId: string;
      readonly startedAtMs: bigint;
      readonly timeoutMs: number;
    })
  /** Decided; the coordinator writes the markers. */
  | (Holder & { readonly kind: 'ending'; readonly transactionalId: string; readonly state: string })
  /** Nothing ends it: no coordinator has it, or the one of `transactionalId` does not have this partition in it. */
  | (Holder & { readonly kind: 'hanging'; readonly transactionalId: string | null })
  /** This user may not see the transactional id, and so can't tell whether it hangs. */
  | (Holder & { readonly kind: 'nameless' })
  /** No transaction is open at the last stable offset any more: followers lack its marker, or it has just ended. */
  | { readonly kind: 'ended' }
  | { readonly kind: 'unknown'; readonly reason: string; readonly missingRight: string | null };

export type FoundTransaction = readonly [WaitingPartition, OpenTransaction];

/** The questions, as one cluster answers them. */
export interface TransactionQuestions {
  producers(
    partitions: readonly WaitingPartition[],
  ): Promise<
    readonly { readonly item: WaitingPartition; readonly outcome: Outcome<readonly ProducerState[]> }[]
  >;
  listed(producerIds: readonly bigint[]): Promise<readonly ListedTransaction[]>;
  described(ids: readonly string[]): Promise<ReadonlyMap<string, Outcome<DescribedTransaction | null>>>;
  mayDescribe(): Promise<Outcome<boolean>>;
}

/** A partition that waits asks again; nobody waits for these answers. */
const questionTimeoutMs = 10_000;

export function transactionQuestions(cluster: Cluster): TransactionQuestions {
  const options = { timeoutMs: questionTimeoutMs };
  return {
    producers: async (partitions) =>
      (await describeProducers(cluster, partitions, options)).map(({ item, outcome }) => ({
        item,
        outcome: outcome.ok ? { ok: true, value: outcome.value.producers } : outcome,
      })),
    listed: (producerIds) => listTransactions(cluster, producerIds, options),
    described: (ids) => describeTransactions(cluster, ids, options),
    mayDescribe: () => mayDescribeTransactions(cluster, options),
  };
}

/** One answer per partition. Failures are answers; nothing is thrown but what is no LockstepError. */
export async function findOpenTransactions(
  ask: TransactionQuestions,
  partitions: readonly WaitingPartition[],
): Promise<FoundTransaction[]> {
  const first = await holdersOf(ask, partitions);
  const held = first.filter((entry): entry is Held => 'holder' in entry);
  const named = held.length === 0 ? [] : await name(ask, held);
  const suspects = named.filter(([, { kind }]) => kind === 'hanging').map(([partition]) => partition);
  const still = new Map(
    (suspects.length === 0 ? [] : await holdersOf(ask, suspects)).map((entry) => [entry.partition, entry]),
  );
  const sure = named.map(([partition, transaction]): FoundTransaction => {
    const again = still.get(partition);
    if (again === undefined || !('startOffset' in transaction)) return [partition, transaction];
    const isSame =
      'holder' in again &&
      again.holder.producerId === transaction.producerId &&
      again.holder.startOffset === transaction.startOffset;
    return [partition, isSame ? transaction : { kind: 'ended' }];
  });
  const settled = first.flatMap((entry): FoundTransaction[] =>
    'holder' in entry ? [] : [[entry.partition, entry.transaction]],
  );
  return [...sure, ...settled];
}

interface Held {
  readonly partition: WaitingPartition;
  readonly holder: Holder;
}
interface NotHeld {
  readonly partition: WaitingPartition;
  readonly transaction: OpenTransaction;
}

async function holdersOf(
  ask: TransactionQuestions,
  partitions: readonly WaitingPartition[],
): Promise<(Held | NotHeld)[]> {
  return (await ask.producers(partitions)).map(({ item, outcome }) => {
    if (!outcome.ok)
      return { partition: item, transaction: unknown(outcome.error, `READ on topic ${item.topic}`) };
    const holder = holderAmong(outcome.value, item.lastStableOffset);
    return holder === null
      ? { partition: item, transaction: { kind: 'ended' } }
      : { partition: item, holder };
  });
}

/** The open transaction that starts lowest, if it starts where the log is stable up to, or before (DeleteRecords). */
function holderAmong(producers: readonly ProducerState[], lastStableOffset: bigint): Holder | null {
  let lowest: Holder | null = null;
  for (const { producerId, currentTransactionStartOffset: startOffset, lastTimestamp } of producers) {
    if (startOffset < 0n || startOffset > lastStableOffset) continue;
    if (lowest === null || startOffset < lowest.startOffset)
      lowest = { producerId, startOffset, lastTimestamp };
  }
  return lowest;
}

async function name(ask: TransactionQuestions, held: readonly Held[]): Promise<FoundTransaction[]> {
  const fail = (error: LockstepError) =>
    held.map(
      ({ partition }): FoundTransaction => [partition, unknown(error, 'DESCRIBE on transactional ids')],
    );
  let listed: readonly ListedTransaction[];
  try {
    listed = await ask.listed([...new Set(held.map(({ holder }) => holder.producerId))]);
  } catch (error) {
    if (error instanceof LockstepError) return fail(error);
    throw error;
  }
  const described = await ask.described([...new Set(listed.map(({ transactionalId }) => transactionalId))]);
  const idOf = new Map(listed.map(({ producerId, transactionalId }) => [producerId, transactionalId]));
  const isAnyUnlisted = held.some(({ holder }) => !idOf.has(holder.producerId));
  const mayDescribe = isAnyUnlisted ? await ask.mayDescribe() : null;
  return held.map(({ partition, holder }): FoundTransaction => {
    const transactionalId = idOf.get(holder.producerId);
    if (transactionalId === undefined) {
      if (mayDescribe !== null && !mayDescribe.ok)
        return [partition, unknown(mayDescribe.error, 'DESCRIBE on transactional ids')];
      const kind = mayDescribe?.value === true ? 'hanging' : 'nameless';
      return [
        partition,
        kind === 'hanging' ? { kind, ...holder, transactionalId: null } : { kind, ...holder },
      ];
    }
    const outcome = described.get(transactionalId);
    if (outcome === undefined) return [partition, { kind: 'nameless', ...holder }];
    if (!outcome.ok) return [partition, unknown(outcome.error, `DESCRIBE on the transactional id`)];
    return [partition, judge(partition, holder, transactionalId, outcome.value)];
  });
}

/** What the coordinator says about a transaction that the partition's leader has open. */
function judge(
  { topic, partition }: WaitingPartition,
  holder: Holder,
  transactionalId: string,
  known: DescribedTransaction | null,
): OpenTransaction {
  const isIn =
    known !== null &&
    known.producerId === holder.producerId &&
    known.partitions.some((entry) => entry.topic === topic && entry.partition === partition);
  if (!isIn) return { kind: 'hanging', ...holder, transactionalId };
  const { state, startedAtMs, timeoutMs } = known;
  if (state === 'Ongoing') return { kind: 'open', ...holder, transactionalId, startedAtMs, timeoutMs };
  return { kind: 'ending', ...holder, transactionalId, state };
}

function unknown(error: LockstepError, right: string): OpenTransaction {
  const missingRight = error.code === 'NOT_AUTHORIZED' ? right : null;
  return { kind: 'unknown', reason: error.message, missingRight };
}
