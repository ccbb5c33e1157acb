// Which worlds there are: what may happen in each, and how often. Each leans one way, so that what would be rare elsewhere
// meets often there.
import type { StrokeKind } from './stroke-kinds.ts';

/** How a world is set up, and what may happen in it. */
export interface Scenario {
  readonly name: string;
  /** Weights of strokes; what is not named does not happen. */
  readonly weights: Readonly<Partial<Record<StrokeKind, number>>>;
  /** Several workers at a time: frozen ones wake, others are started beside. */
  readonly hasSeveralWorkers: boolean;
  /** Records are older than producer.id.expiration.ms: the sweep takes their producers at any time. */
  readonly hasOldRecords: boolean;
  /** Copies in compacted gaps instead of markers. */
  readonly copies?: boolean;
  /** The source starts above 0. */
  readonly startsLate?: boolean;
  /** The mirror begins near the last epoch of a rotation. */
  readonly startsNearRotation?: boolean;
  readonly retentionOvertook?: 'stop' | 'jump';
  readonly fillOffsetsMax?: bigint;
  /** How many of its worlds have delays as short as they can be, but for requests that are slow. Default: a tenth. */
  readonly promptShare?: number;
}

const writing = {
  produce: 50,
  beginTransaction: 8,
  produceInTransaction: 12,
  endTransaction: 9,
  emptyTransaction: 3,
  emptyFetch: 6,
  moveSourceLeader: 1,
  loseSourceConnection: 1,
  failFetch: 1,
} as const;
/** Many transactions, and runs of markers. */
const holey = { beginTransaction: 14, endTransaction: 18, emptyTransaction: 12 } as const;
const compacting = { compact: 5 } as const;
const network = {
  loseRequest: 3,
  loseAnswer: 4,
  delayRequest: 4,
  duplicateRequest: 2,
  splitMarkers: 4,
  failRead: 2,
  shed: 2,
} as const;
const cluster = {
  stallReplication: 4,
  changeLeader: 3,
  leadThereAndBack: 1,
  restartBroker: 1.5,
  rollSegment: 1,
  refuseForReplicas: 1,
} as const;
/** Without the guard a request that is done twice is in the log twice; TCP does not repeat any, so only a guard is tried by it. */
const expiring = { expireProducers: 6, duplicateRequest: 0 } as const;
const alone = { crash: 3, stopCleanly: 1 } as const;
const several = { crash: 2, stopCleanly: 0.5, freeze: 4, startAnother: 1.5 } as const;

export const scenarios: readonly Scenario[] = [
  {
    name: 'calm',
    weights: { ...writing, ...compacting },
    hasSeveralWorkers: false,
    hasOldRecords: false,
  },
  {
    name: 'one worker',
    weights: {
      ...writing,
      ...compacting,
      ...network,
      ...cluster,
      ...alone,
      retainMirror: 0.5,
    },
    hasSeveralWorkers: false,
    hasOldRecords: false,
  },
  {
    name: 'one worker, old records',
    weights: { ...writing, ...compacting, ...network, ...cluster, ...alone, ...expiring },
    hasSeveralWorkers: false,
    hasOldRecords: true,
  },
  {
    name: 'one worker, acknowledged batches lost',
    // Without compaction, which can take what would show that a batch landed too low.
    weights: { ...writing, ...network, ...cluster, ...alone, ...holey, electUnclean: 5 },
    hasSeveralWorkers: false,
    hasOldRecords: false,
  },
  {
    name: 'one worker, old records, acknowledged ones lost',
    weights: { produce: 25, expireProducers: 25, electUnclean: 10, changeLeader: 3, crash: 1 },
    hasSeveralWorkers: false,
    hasOldRecords: true,
  },
  {
    name: 'one worker, old records, restless',
    weights: {
      produce: 40,
      beginTransaction: 3,
      endTransaction: 4,
      expireProducers: 60,
      crash: 12,
      failFetch: 5,
      loseSourceConnection: 5,
      loseRequest: 4,
      loseAnswer: 12,
      delayRequest: 25,
      stallReplication: 3,
    },
    hasSeveralWorkers: false,
    hasOldRecords: true,
  },
  {
    name: 'one worker, old records, handed over',
    weights: {
      produce: 50,
      beginTransaction: 2,
      endTransaction: 3,
      expireProducers: 70,
      stopCleanly: 20,
      crash: 25,
      loseSourceConnection: 3,
      loseAnswer: 3,
      strandRequest: 25,
      delayRequest: 40,
      stallReplication: 2,
      leadThereAndBack: 1,
    },
    hasSeveralWorkers: false,
    hasOldRecords: true,
    promptShare: 0.7,
  },
  {
    name: 'one worker, old records, handed over at holes',
    weights: {
      ...holey,
      produce: 30,
      splitMarkers: 15,
      expireProducers: 70,
      stopCleanly: 20,
      crash: 25,
      loseAnswer: 3,
      strandRequest: 25,
      delayRequest: 40,
      stallReplication: 6,
      refuseForReplicas: 2,
      changeLeader: 2,
      leadThereAndBack: 1,
    },
    hasSeveralWorkers: false,
    hasOldRecords: true,
    promptShare: 0.7,
  },
  {
    name: 'one worker, interrupted at holes',
    weights: {
      ...writing,
      ...alone,
      ...holey,
      splitMarkers: 15,
      stallReplication: 12,
      changeLeader: 6,
      leadThereAndBack: 10,
      loseAnswer: 6,
      failRead: 3,
    },
    hasSeveralWorkers: false,
    hasOldRecords: false,
  },
  {
    name: 'one worker, replicas lag at holes',
    weights: { produce: 20, emptyTransaction: 15, stallReplication: 20, leadThereAndBack: 15, crash: 1 },
    hasSeveralWorkers: false,
    hasOldRecords: false,
  },
  {
    name: 'one worker, gaps as copies',
    weights: { ...writing, compact: 10, ...network, ...cluster, ...alone },
    hasSeveralWorkers: false,
    hasOldRecords: false,
    copies: true,
  },
  {
    name: 'one worker, high start',
    weights: { ...writing, ...compacting, ...network, ...cluster, ...alone, retain: 1 },
    hasSeveralWorkers: false,
    hasOldRecords: false,
    startsLate: true,
    retentionOvertook: 'jump',
  },
  {
    name: 'one worker, start too high',
    weights: { ...writing, ...network, ...alone },
    hasSeveralWorkers: false,
    hasOldRecords: false,
    startsLate: true,
    fillOffsetsMax: 8n,
  },
  {
    name: 'one worker, retention stops it',
    weights: { ...writing, ...compacting, ...network, ...cluster, ...alone, retain: 4 },
    hasSeveralWorkers: false,
    hasOldRecords: false,
    retentionOvertook: 'stop',
  },
  {
    name: 'one worker, retention is jumped over',
    weights: { ...writing, ...compacting, ...network, ...cluster, ...alone, retain: 4 },
    hasSeveralWorkers: false,
    hasOldRecords: false,
    retentionOvertook: 'jump',
  },
  {
    name: 'one worker, end of a rotation',
    weights: {
      ...writing,
      ...compacting,
      ...network,
      ...cluster,
      ...alone,
      beginTransaction: 20,
      endTransaction: 20,
    },
    hasSeveralWorkers: false,
    hasOldRecords: false,
    startsNearRotation: true,
  },
  {
    name: 'one worker, source truncated',
    // Without compaction: what took the place of lost records, and was compacted, can't be compared any more.
    weights: { ...writing, ...network, ...cluster, ...alone, ...holey, truncateSource: 6 },
    hasSeveralWorkers: false,
    hasOldRecords: false,
  },
  {
    name: 'several workers',
    weights: { ...writing, ...network, ...cluster, ...several },
    hasSeveralWorkers: true,
    hasOldRecords: false,
  },
  {
    name: 'several workers, busy at holes',
    weights: {
      ...writing,
      ...holey,
      delayRequest: 20,
      freeze: 6,
      startAnother: 6,
      crash: 3,
      stallReplication: 2,
    },
    hasSeveralWorkers: true,
    hasOldRecords: false,
  },
  {
    name: 'several workers, few holes',
    weights: {
      produce: 60,
      beginTransaction: 2,
      endTransaction: 3,
      delayRequest: 30,
      freeze: 5,
      startAnother: 6,
      crash: 3,
      stallReplication: 2,
    },
    hasSeveralWorkers: true,
    hasOldRecords: false,
  },
  {
    name: 'several workers, promoted',
    weights: {
      ...writing,
      ...network,
      ...several,
      stallReplication: 3,
      changeLeader: 2,
      restartBroker: 1,
      promote: 3,
    },
    hasSeveralWorkers: true,
    hasOldRecords: false,
  },
  {
    name: 'one worker, the direction turns',
    weights: { ...writing, ...network, ...cluster, ...alone, turn: 9 },
    hasSeveralWorkers: false,
    hasOldRecords: false,
  },
  {
    name: 'several workers, the direction turns',
    weights: { ...writing, ...network, ...cluster, ...several, freeze: 8, delayRequest: 10, turn: 10 },
    hasSeveralWorkers: true,
    hasOldRecords: false,
  },
  {
    name: 'several workers, the direction turns at once',
    weights: {
      ...writing,
      ...network,
      ...cluster,
      ...several,
      freeze: 10,
      delayRequest: 30,
      turn: 6,
      turnNow: 8,
    },
    hasSeveralWorkers: true,
    hasOldRecords: false,
  },
  {
    name: 'several workers, compaction',
    weights: { ...writing, ...compacting, ...network, ...cluster, ...several },
    hasSeveralWorkers: true,
    hasOldRecords: false,
  },
  {
    name: 'several workers, end of a rotation',
    weights: { ...writing, ...network, ...cluster, ...several, ...holey },
    hasSeveralWorkers: true,
    hasOldRecords: false,
    startsNearRotation: true,
  },
  {
    name: 'several workers, high start',
    weights: { ...writing, ...network, ...cluster, ...several },
    hasSeveralWorkers: true,
    hasOldRecords: false,
    startsLate: true,
    retentionOvertook: 'jump',
  },
  {
    name: 'several workers, old records',
    weights: { ...writing, ...network, ...cluster, ...several, ...expiring },
    hasSeveralWorkers: true,
    hasOldRecords: true,
  },
];
