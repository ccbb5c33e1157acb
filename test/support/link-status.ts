// Statuses of links for the tests of what is said about them.
import type { LinkStatus } from '../../src/link/index.ts';
import { noCounts } from '../../src/mirror/index.ts';

export type Partition = LinkStatus['partitions'][number];

/** orders-0, copied to its end. */
export function partition(fields: Partial<Partition>): Partition {
  return {
    topic: 'orders',
    partition: 0,
    state: 'Mirroring',
    reason: null,
    sinceMs: 0,
    isStopped: false,
    stoppedAt: null,
    mirrorEnd: 10n,
    sourceEnd: 10n,
    lagRecords: 0n,
    behindMs: 0,
    lastFetchAtMs: 0,
    openTransactionSinceMs: null,
    recordsMirrored: 0,
    bytesMirrored: 0,
    batchesMirrored: 0,
    errorCounts: noCounts().errors,
    lastError: null,
    lastErrorAtMs: null,
    acknowledgedLostCount: 0,
    shift: 0n,
    holeOffsetsCount: 0n,
    sourceLostCount: 0n,
    ...fields,
  };
}

export function statusOf(partitions: Partition[], fields: Partial<LinkStatus> = {}): LinkStatus {
  return {
    name: 'us-to-eu',
    source: 'us-east',
    destination: 'eu-west',
    topics: [],
    partitions,
    heldBytes: 0,
    heldBytesMax: 0,
    discoveryError: null,
    ...fields,
  };
}
