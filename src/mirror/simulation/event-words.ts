// An event of a worker's machine, and what became of it, in words: for the history of a world.
import type { PartitionEvent } from '../partition/state.ts';
import type { SimBatch } from './sim-batch.ts';
import type { SimWorker } from './sim-worker.ts';

export function heardInWords({ name, machine }: SimWorker, event: PartitionEvent<SimBatch>): string {
  const { state, flow } = machine;
  const where =
    flow === null
      ? ''
      : ` at ${flow.mirrorEnd}${flow.hole === null ? '' : `, hole to ${flow.hole.end} ${flow.hole.phase}`}`;
  const reason = 'reason' in state && state.reason ? ` (${state.reason})` : '';
  return `${name} hears ${eventInWords(event)} → ${state.name}${where}${reason}`;
}

function eventInWords(event: PartitionEvent<SimBatch>): string {
  switch (event.type) {
    case 'destinationRead': {
      const { logEnd, highWatermark, position, generation } = event.view;
      return `destinationRead (log end ${logEnd}, high watermark ${highWatermark}, epoch ${position.epoch}, sequence ${position.sequence}${position.isBehindHole ? ', behind a hole' : ''}, generation ${generation})`;
    }
    case 'tailCompared':
      return `tailCompared (${event.verdict.kind})`;
    case 'fetched': {
      const batches = event.batches.map(
        ({ baseOffset, lastOffset, isControl, isAborted }) =>
          `${baseOffset}-${lastOffset}${isControl ? ' control' : isAborted ? ' aborted' : ''}`,
      );
      return `fetched (${batches.join(', ')})`;
    }
    case 'appended':
      return `appended (base offset ${event.baseOffset})`;
    case 'appendRefused':
    case 'markersAnswered':
    case 'fetchRefused':
      return `${event.type} (${event.errorCode})`;
    case 'logEndRead':
      return `logEndRead (log end ${event.ends.logEnd}, high watermark ${event.ends.highWatermark})`;
    default:
      return event.type;
  }
}
