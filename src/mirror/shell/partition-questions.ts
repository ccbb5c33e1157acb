// What a partition asks about its logs, a round each: where the mirror ends, whether it stands in the source, and whether
// records come back. A question that fails is an event like its answer.
import { LockstepError } from '../../errors.ts';
import type { ReturnQuestion } from '../partition/returning.ts';
import type { PartitionParts } from './partition-parts.ts';
import type { LeftPartition } from './partition-start.ts';

/** `takeLeft`: how the worker before this one left the mirror; used with the first look that succeeds. */
export async function readDestination(
  parts: PartitionParts,
  round: number,
  takeLeft: () => LeftPartition | null,
): Promise<void> {
  await asking(parts, round, async () => {
    const log = parts.logs.led('destination');
    const { view } = await parts.services.inspector.read({ ...log, life: parts.life });
    const left = takeLeft();
    parts.deliver({
      ...{ type: 'destinationRead', round, view },
      left: left?.topicId === log.topicId ? left : null,
    });
  });
}

export async function compareTail(parts: PartitionParts, round: number): Promise<void> {
  const { logs, services, machine, life, shift, start, proof } = parts;
  await asking(parts, round, async () => {
    const source = logs.led('source');
    const destination = logs.led('destination');
    // Read again rather than kept: what is compared has to be the log as it stands now.
    const facts = await services.inspector.read({ ...destination, life });
    const { logEnd, highWatermark, leaderEpoch } = facts.view;
    const before = machine.state;
    const isUnmoved =
      before.name === 'ComparingTail' &&
      before.view.logEnd === logEnd &&
      before.view.leaderEpoch === leaderEpoch;
    // Above the high watermark the newest batch can't be read, and a log without one agrees with every source.
    if (!isUnmoved || highWatermark !== logEnd) {
      throw new LockstepError('KAFKA_ERROR', 'the mirror moved while its newest batch was compared', {
        retriable: true,
      });
    }
    proof.begin();
    const { startOffset = 0n, witness } = start;
    const verdict = await services.comparer.compare(
      { source, destination, shift, life, startOffset, witness },
      facts,
    );
    proof.compared(source.leaderEpoch);
    logs.noteViewed(destination.leaderEpoch);
    parts.deliver({ type: 'tailCompared', round, verdict });
  });
}

/** `sourceEnd`: as it was before the source is asked; what is appended there from now on is another question. */
export async function askReturn(
  parts: PartitionParts,
  round: number,
  { question, sourceEnd }: { question: ReturnQuestion; sourceEnd: bigint },
): Promise<void> {
  await asking(parts, round, async () => {
    const { shift, life, services } = parts;
    const log = parts.logs.led('source');
    const ownId = life.producerId;
    const verdict = await services.returning!.ask({ question, log, shift, sourceEnd, ownId });
    parts.deliver({ type: 'returnAnswered', round, verdict });
  });
}

/** Carries a question out; where that fails the machine hears of it, and decides when it is asked again. */
export async function asking(
  { counters, services, partition, deliver }: PartitionParts,
  round: number,
  ask: () => Promise<void>,
): Promise<void> {
  try {
    await ask();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const notAuthorized = error instanceof LockstepError && error.code === 'NOT_AUTHORIZED';
    counters.errors.questionFailed += 1;
    services.refreshMetadata('source', partition.topic);
    deliver({ type: 'readFailed', round, reason, notAuthorized });
  }
}
