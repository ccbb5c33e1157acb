// What the parts of one partition's shell have in common.
import type { MirrorLife } from '../partition/identity.ts';
import type { PartitionMachine } from '../partition/machine.ts';
import type { PartitionEvent } from '../partition/state.ts';
import type { DestinationWait } from './destination-wait.ts';
import type { LeasedBatch } from './leased-batch.ts';
import type { PartitionCounters } from './observer.ts';
import type { PartitionLogs } from './partition-logs.ts';
import type { PartitionNotes } from './partition-notes.ts';
import type { PartitionServices } from './partition-services.ts';
import type { PartitionStart, TopicPartition } from './partition-start.ts';
import type { SourceProof } from './source-proof.ts';
import type { WriteLedger } from './write-ledger.ts';

export interface PartitionParts {
  readonly partition: TopicPartition;
  readonly start: PartitionStart;
  /** Source offset - offset at the mirror. */
  readonly shift: bigint;
  readonly life: MirrorLife;
  readonly services: PartitionServices;
  readonly machine: PartitionMachine<LeasedBatch>;
  readonly counters: PartitionCounters;
  readonly logs: PartitionLogs;
  readonly notes: PartitionNotes;
  readonly proof: SourceProof;
  readonly wait: DestinationWait;
  readonly writes: WriteLedger;
  /** Brings an event to the machine, and carries out what that asks for. */
  readonly deliver: (event: PartitionEvent<LeasedBatch>) => void;
}

/** Offsets of the source below are at the mirror; null while unknown. */
export function mirrorEndAtSource({ machine, shift }: PartitionParts): bigint | null {
  return machine.mirrorEnd === null ? null : machine.mirrorEnd + shift;
}
