// What the probe's rules need of one partition: append, write markers, read, and see where the log ends.
// The rules see only this, so that tests can hand them a log that behaves wrongly.

/** Who writes, as the broker sees it. */
export interface ProbeProducer {
  readonly producerId: bigint;
  readonly epoch: number;
}

export interface AppendOptions extends ProbeProducer {
  readonly sequence: number;
  /** Records in the batch. Default 1. */
  readonly count?: number;
  /** The base offset that the batch carries. Default 0, what the broker wants. */
  readonly baseOffset?: bigint;
}

/** An append or a marker, with the log end on the leader before and after it. */
export interface WriteResult {
  /** Kafka's error number. */
  readonly errorCode: number;
  readonly endBefore: bigint;
  readonly endAfter: bigint;
}

export interface AppendResult extends WriteResult {
  /** What the broker answered; -1 when it refused. */
  readonly baseOffset: bigint;
}

export interface MarkerOptions extends ProbeProducer {
  readonly coordinatorEpoch: number;
  /** So many equal markers in one request. Default 1. */
  readonly count?: number;
}

export interface FetchOptions {
  readonly offset: bigint;
  /** Default: the leader epoch of the partition. */
  readonly currentLeaderEpoch?: number;
  /** Default -1: not told. */
  readonly lastFetchedEpoch?: number;
}

export interface FetchResult {
  readonly errorCode: number;
  /** The first batch of the answer; null when there is none. */
  readonly batch: Buffer | null;
  /** Where the broker says that the logs part; null when it does not. */
  readonly diverging: { readonly epoch: number; readonly endOffset: bigint } | null;
}

export interface ProducerEntry {
  readonly epoch: number;
  readonly lastSequence: number;
  /** That of the newest marker; -1 when there was none. */
  readonly coordinatorEpoch: number;
}

/** One partition of a scratch topic that nobody else writes to. */
export interface ProbeLog {
  readonly leaderEpoch: number;
  /** A producer id that no broker has handed out, with epoch 0. */
  newProducer(): ProbeProducer;
  /** OffsetForLeaderEpoch for the current leader epoch. */
  logEnd(): Promise<bigint>;
  append(options: AppendOptions): Promise<AppendResult>;
  /** Sends a batch as it is. */
  appendBatch(batch: Buffer): Promise<AppendResult>;
  writeMarker(options: MarkerOptions): Promise<WriteResult>;
  fetch(options: FetchOptions): Promise<FetchResult>;
  /** DescribeProducers: what the leader remembers of a producer id; null when nothing. */
  entry(producerId: bigint): Promise<ProducerEntry | null>;
  /** DeleteRecords; resolves with the new start of the log. */
  cut(beforeOffset: bigint): Promise<bigint>;
}
