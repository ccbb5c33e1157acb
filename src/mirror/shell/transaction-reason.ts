// What people read about a transaction that holds a partition up, in one line: who, since when, whether it ends by
// itself, and the command that ends it. Ending a transaction that is alive is its owner's decision and goes through its
// coordinator (forceTerminateTransaction: its producer is fenced, and all its partitions are aborted). A marker written
// straight to one partition (abort) is for hanging ones, which no coordinator can end: on a living one it would lose
// a part of what the application commits later.
import { formatDuration, plural } from '../../units.ts';
import type { OpenTransaction } from './find-open-transactions.ts';

export interface ReasonContext {
  readonly topic: string;
  readonly partition: number;
  readonly lastStableOffset: bigint;
  readonly highWatermark: bigint;
  /** host:port of the source's brokers, as its user wrote them. */
  readonly bootstrap: string;
  /** Whether the source asks clients for TLS or a login: its tools then need a file with the settings. */
  readonly isSecured: boolean;
  readonly nowMs: number;
}

/** `transaction` as OpenTransactions.describe tells it; null while nothing is known yet. */
export function transactionReason(transaction: OpenTransaction | null, context: ReasonContext): string {
  const { lastStableOffset, highWatermark } = context;
  const count = highWatermark - lastStableOffset;
  const waiting = `${plural(count, 'offset')} from ${lastStableOffset} on ${count === 1n ? 'waits' : 'wait'}: `;
  return waiting + explain(transaction, context);
}

function explain(transaction: OpenTransaction | null, context: ReasonContext): string {
  if (transaction === null) return 'a transaction is open at the source; whose is being asked';
  switch (transaction.kind) {
    case 'open': {
      const { transactionalId, startedAtMs, timeoutMs, startOffset } = transaction;
      const openMs = Math.max(0, context.nowMs - Number(startedAtMs));
      const since = `has been open for ${formatDuration(openMs)} since offset ${startOffset}`;
      const end =
        openMs < timeoutMs
          ? `it ends by itself at its time-out of ${formatDuration(timeoutMs)}`
          : `its time-out of ${formatDuration(timeoutMs)} is over and its coordinator is about to abort it`;
      return `${who(transaction, transactionalId)} ${since}; ${end}, or: ${terminateCommand(transactionalId, context)}`;
    }
    case 'ending': {
      const how = transaction.state === 'PrepareCommit' ? 'committed' : 'aborted';
      return `${who(transaction, transaction.transactionalId)} is being ${how}; nothing has to be done, unless that takes minutes: then look at the brokers' logs and at ${command('describe', `--transactional-id=${quoted(transaction.transactionalId)}`, context)}`;
    }
    case 'hanging': {
      const knows =
        transaction.transactionalId === null
          ? 'no coordinator knows it'
          : 'its coordinator does not have this partition in it';
      return `${who(transaction, transaction.transactionalId)} hangs since offset ${transaction.startOffset}${lastRecord(transaction.lastTimestamp)}: ${knows}, so nothing ends it but: ${abortCommand(transaction.startOffset, context)}`;
    }
    case 'nameless':
      return `${who(transaction, null)} is open since offset ${transaction.startOffset}${lastRecord(transaction.lastTimestamp)}; to learn whose it is, grant Lockstep's user DESCRIBE on transactional ids at the source; if its application is gone and it stays longer than its time-out (at most transaction.max.timeout.ms, 15 min by default): ${abortCommand(transaction.startOffset, context)}`;
    case 'ended':
      return 'the transaction there has ended, and its marker is not on every in-sync replica of the source yet; nothing has to be done';
    case 'unknown': {
      const find = command('find-hanging', place(context), context);
      if (transaction.missingRight === null)
        return `a transaction is open at the source, and asking for it failed: ${printable(transaction.reason)} To find it: ${find}`;
      return `a transaction is open at the source; to learn whose, grant Lockstep's user ${transaction.missingRight} at the source, or: ${find}`;
    }
  }
}

function who({ producerId }: { readonly producerId: bigint }, transactionalId: string | null): string {
  const id = transactionalId === null ? '' : ` (transactional id ${printable(transactionalId)})`;
  return `the transaction of producer id ${producerId}${id}`;
}

/** Producers choose timestamps, so this one may be anything. */
function lastRecord(timestamp: bigint): string {
  const date = new Date(Number(timestamp));
  return timestamp < 0n || Number.isNaN(date.getTime()) ? '' : `, its newest record of ${date.toISOString()}`;
}

function terminateCommand(transactionalId: string, context: ReasonContext): string {
  // Such an id can't be typed; its place in the log can.
  if (printable(transactionalId) !== transactionalId)
    return `stop its application, and if it hangs then: ${abortCommand(context.lastStableOffset, context)}`;
  const terminate = `--transactionalId=${quoted(transactionalId)}`;
  return `${command('forceTerminateTransaction', terminate, context)} (Kafka's tools of 4.3)`;
}

function abortCommand(startOffset: bigint, context: ReasonContext): string {
  return command('abort', `${place(context)} --start-offset ${startOffset}`, context);
}

function place({ topic, partition }: ReasonContext): string {
  return `--topic ${topic} --partition ${partition}`;
}

function command(name: string, rest: string, { bootstrap, isSecured }: ReasonContext): string {
  const settings = isSecured ? ' --command-config client.properties' : '';
  return `kafka-transactions.sh --bootstrap-server ${bootstrap}${settings} ${name} ${rest}`;
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return /^[\w.:@%+=,/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Ids and brokers' words come from others: no control characters reach a terminal, and a line stays a line. */
function printable(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
  return plain.length > printableCharsMax ? `${plain.slice(0, printableCharsMax)}...` : plain;
}
const printableCharsMax = 300;
