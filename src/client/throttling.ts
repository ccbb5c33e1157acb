// Quotas (KIP-219): a broker over quota answers at once with a throttle time and then stops reading the
// connection for that long. A client that goes on sending only fills its own queue, so it waits instead.
// Before the version below, the broker itself waited before it answered; then there is nothing left to wait.

/**
 * The first version of each API whose throttle time the client has to honour, by API key: what
 * `shouldClientThrottle` says in Kafka's response classes. An API that is missing here never asks for it.
 */
const firstThrottledVersion: Readonly<Record<number, number>> = {
  0: 6, // Produce
  1: 8, // Fetch
  2: 3, // ListOffsets
  3: 6, // Metadata
  8: 4, // OffsetCommit
  9: 4, // OffsetFetch
  10: 2, // FindCoordinator
  11: 3, // JoinGroup
  12: 2, // Heartbeat
  13: 2, // LeaveGroup
  14: 2, // SyncGroup
  15: 2, // DescribeGroups
  16: 2, // ListGroups
  18: 2, // ApiVersions
  19: 3, // CreateTopics
  20: 2, // DeleteTopics
  21: 1, // DeleteRecords
  22: 1, // InitProducerId
  24: 1, // AddPartitionsToTxn
  25: 1, // AddOffsetsToTxn
  26: 1, // EndTxn
  28: 1, // TxnOffsetCommit
  29: 1, // DescribeAcls
  30: 1, // CreateAcls
  31: 1, // DeleteAcls
  32: 2, // DescribeConfigs
  33: 1, // AlterConfigs
  34: 1, // AlterReplicaLogDirs
  35: 1, // DescribeLogDirs
  37: 1, // CreatePartitions
  42: 1, // DeleteGroups
  43: 0, // ElectLeaders
  44: 0, // IncrementalAlterConfigs
  45: 0, // AlterPartitionReassignments
  46: 0, // ListPartitionReassignments
  47: 0, // OffsetDelete
  50: 0, // DescribeUserScramCredentials
  51: 0, // AlterUserScramCredentials
  75: 0, // DescribeTopicPartitions
};

/** A broker that asks for more than this is believed only this far, ms; quota windows are far shorter. */
const throttleMsMax = 60_000;

/** How long the client has to wait after this response before it sends again, ms; 0 for not at all. */
export function throttleMs(apiKey: number, version: number, body: unknown): number {
  const first = firstThrottledVersion[apiKey];
  if (first === undefined || version < first) return 0;
  const asked = (body as { throttleTimeMs?: number }).throttleTimeMs;
  return asked === undefined || asked <= 0 ? 0 : Math.min(asked, throttleMsMax);
}
