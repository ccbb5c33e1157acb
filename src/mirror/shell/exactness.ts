// How a link keeps offsets equal where the source's log has none of its own to copy: holes, gaps, and a start above 0.
// Every choice has a default that keeps the copy identical; the others are asked for by name.
export interface MirrorExactness {
  /**
   * How offsets without a record become control batches. `markers`: WriteTxnMarkers, any number in one request; needs
   * Alter or ClusterAction on the destination cluster. `transactions`: empty transactions, one marker
   * each, a few ms per offset, with the rights of any transactional producer. Default `markers`.
   */
  readonly holes: 'markers' | 'transactions';
  /**
   * What fills a gap that compaction left. `markers`: control batches, which no consumer sees. `copies`: copies of the
   * record behind the gap, with the same key, which consumers see. Default `markers`.
   */
  readonly compactionGaps: 'markers' | 'copies';
  /**
   * What becomes of a source partition that starts above offset 0. `fill`: the offsets below are filled and deleted.
   * `shifted`: destination offset = source offset - k. Default `fill`.
   */
  readonly start: 'fill' | 'shifted';
  /** Offsets below a source's start that are filled at most; beyond, the partition ends as StartTooFar. Default 10^9. */
  readonly fillOffsetsMax: number;
  /**
   * What happens when the source has deleted offsets that were not mirrored yet. `stop`: RetentionOvertook.
   * `jump`: they become a hole, and the mirror goes on. Default `stop`.
   */
  readonly retentionOvertook: 'stop' | 'jump';
}

export const defaultExactness: MirrorExactness = {
  holes: 'markers',
  compactionGaps: 'markers',
  start: 'fill',
  fillOffsetsMax: 1_000_000_000,
  retentionOvertook: 'stop',
};
