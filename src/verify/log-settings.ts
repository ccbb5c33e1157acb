// What a topic's settings allow a broker to delete: the two ways in which a record that was there may be gone.

export interface LogSettings {
  /** cleanup.policy has `compact`: the cleaner removes records that a later one with the same key supersedes. */
  isCompacted: boolean;
  /** cleanup.policy has `delete`: whole segments go, oldest first. */
  isDeleted: boolean;
  /** retention.ms; null for no limit. */
  retentionMs: bigint | null;
  /** retention.bytes; null for no limit. */
  retentionBytes: bigint | null;
  /** delete.retention.ms: how long the cleaner keeps a tombstone at least. */
  deleteRetentionMs: bigint;
}

/** The settings that `logSettings` needs. */
export const settingNames = [
  'cleanup.policy',
  'retention.ms',
  'retention.bytes',
  'delete.retention.ms',
] as const;

/** Reads settings as brokers write them. */
export function logSettings(setting: (name: (typeof settingNames)[number]) => string | null): LogSettings {
  const policies = (setting('cleanup.policy') ?? 'delete').split(',').map((policy) => policy.trim());
  return {
    isCompacted: policies.includes('compact'),
    isDeleted: policies.includes('delete'),
    retentionMs: limit(setting('retention.ms')),
    retentionBytes: limit(setting('retention.bytes')),
    deleteRetentionMs: limit(setting('delete.retention.ms')) ?? 0n,
  };
}

/** -1 stands for no limit. */
function limit(text: string | null): bigint | null {
  const value = BigInt(text ?? '-1');
  return value < 0n ? null : value;
}

/** The clocks of brokers and verifier may differ by this, ms. */
const clockSkewMsMax = 300_000n;

export interface LossEvidence {
  /** All records in front of this offset are gone from the log in question. */
  logStartOffset: bigint;
  /** Bytes that the log holds. */
  sizeBytes: bigint;
  /** Bytes that the other log holds from the same offset on. */
  otherSizeBytes: bigint;
  nowMs: bigint;
  /** Asked of the other log, which still has the records: its first offset with this timestamp or a later one. */
  firstOffsetSince(timestampMs: bigint): Promise<bigint | null>;
}

/**
 * Whether retention can have deleted what is missing in front of the log's start:
 * - By time, a broker deletes a segment once its newest timestamp is older than retention.ms. So every missing
 *   record must be older than that.
 * - By size, it deletes a segment only while at least retention.bytes remain. So at least as many must be there. And at
 *   least as many on the other side: where a mirror's markers take the room, the same setting has taken records that
 *   it would have left in the source's log.
 */
export async function retentionExplains(
  settings: LogSettings,
  evidence: LossEvidence,
): Promise<'explained' | 'unexplained' | 'tookMoreThanAtSource'> {
  const { isDeleted, retentionMs, retentionBytes } = settings;
  if (!isDeleted) return 'unexplained';
  const isLargeEnough = retentionBytes !== null && evidence.sizeBytes >= retentionBytes;
  if (isLargeEnough && evidence.otherSizeBytes >= retentionBytes) return 'explained';
  if (retentionMs !== null) {
    const youngest = await evidence.firstOffsetSince(evidence.nowMs - retentionMs + clockSkewMsMax);
    if (youngest === null || youngest >= evidence.logStartOffset) return 'explained';
  }
  return isLargeEnough ? 'tookMoreThanAtSource' : 'unexplained';
}
