// What can happen to a simulated world from outside. What each does stands in strokes.ts, and in fates.ts for requests that
// are under way.

export const strokeKinds = [
  // at the source
  'produce',
  'beginTransaction',
  'produceInTransaction',
  'endTransaction',
  'emptyTransaction',
  'compact',
  'retain',
  'moveSourceLeader',
  'truncateSource',
  'loseSourceConnection',
  'emptyFetch',
  'failFetch',
  // to workers
  'crash',
  'freeze',
  'startAnother',
  'stopCleanly',
  'shed',
  // under way
  'loseRequest',
  'loseAnswer',
  'delayRequest',
  'duplicateRequest',
  'strandRequest',
  'splitMarkers',
  'failRead',
  // at the destination
  'stallReplication',
  'changeLeader',
  'leadThereAndBack',
  'electUnclean',
  'restartBroker',
  'rollSegment',
  'refuseForReplicas',
  'expireProducers',
  'retainMirror',
  'promote',
  // to both
  'turn',
  'turnNow',
] as const;
export type StrokeKind = (typeof strokeKinds)[number];
