// Bugs that are planted on purpose, one at a time: a simulator that finds none of them proves nothing.
//
// Each is a small change of what the machine hears, or of what is done with what it asks for, or of the shell's own
// work. What notices them is always the same: verdict.ts and truth.ts know of no bug.
import { linkProducerId, type WriterIdentity } from '../partition/identity.ts';
import type { DestinationView, PartitionAction, PartitionEvent } from '../partition/state.ts';
import type { Mutation } from './mutation.ts';
import type { SimBatch } from './sim-batch.ts';
import type { SimWorker } from './sim-worker.ts';

type Event = PartitionEvent<SimBatch>;
type Action = PartitionAction<SimBatch>;

export interface PlantedBug {
  readonly name: string;
  /** The scenario that finds it soonest, by name. */
  readonly scenario: string;
  readonly mutation: Mutation;
}

export const plantedBugs: readonly PlantedBug[] = [
  // What the shell reads and sends.
  bug('the high watermark is taken for the log end', 'several workers, few holes', {
    shell: { logEndIsHighWatermark: true },
  }),
  bug('markers are sent again when their request timed out or broke', 'one worker, gaps as copies', {
    shell: { resendsMarkers: true },
  }),
  bug('attribute bit 6 (the delete horizon) is kept', 'one worker', { shell: { keepsDeleteHorizon: true } }),
  bug('an empty fetch is taken for a hole', 'several workers, busy at holes', {
    shell: { emptyFetchIsHole: true },
  }),
  bug('fetch answers for another position are taken', 'one worker, gaps as copies', {
    shell: { takesAnyFetch: true },
  }),
  bug('aborted data is copied', 'one worker, interrupted at holes', { shell: { overlooksAborted: true } }),
  bug('gaps inside of batches are closed', 'calm', { shell: { closesGaps: true } }),
  bug('fetched batches that were put together are taken for the source’s', 'calm', {
    shell: { hidesMerging: true },
  }),
  bug('a source with a new leader is trusted', 'one worker, source truncated', {
    shell: { trustsNewSource: true },
  }),

  // Who follows whom.
  bug(
    'how the log was left is told before the last append is answered',
    'one worker, old records, handed over',
    {
      shell: { tellsTooEarly: true },
    },
  ),
  bug(
    'how the log was left is told though the last append was never answered',
    'one worker, old records, handed over',
    {
      shell: { tellsUnanswered: true },
    },
  ),
  bug('how a worker before the last one left the log is believed', 'one worker, old records, handed over', {
    shell: { believesOldWord: true },
  }),

  // What an answer means.
  bug('a base offset lower than meant is taken', 'one worker, old records, acknowledged ones lost', {
    event: (event, worker) => {
      const meant = event.type === 'appended' ? worker.machine.flow?.inFlight?.offset : undefined;
      if (event.type !== 'appended' || meant === undefined || event.baseOffset >= meant) return event;
      return { ...event, baseOffset: meant };
    },
  }),
  bug('a base offset higher than meant is taken', 'several workers, busy at holes', {
    event: (event, worker) => {
      const meant = event.type === 'appended' ? worker.machine.flow?.inFlight?.offset : undefined;
      if (event.type !== 'appended' || meant === undefined || event.baseOffset <= meant) return event;
      return { ...event, baseOffset: meant };
    },
  }),
  bug('answers of an older round count', 'several workers, busy at holes', {
    event: (event, worker) => ('round' in event ? { ...event, round: worker.machine.round } : event),
  }),
  bug('the log end is not read after markers', 'several workers, busy at holes', {
    action: (action, worker) => {
      const hole = worker.machine.flow?.hole;
      if (action.type !== 'readLogEnd' || hole?.phase !== 'checking') return { actions: [action] };
      return { actions: [], events: [logEndAsMeant(action.round, worker)] };
    },
  }),
  bug('a hole that was filled in part counts as filled', 'one worker, end of a rotation', {
    event: (event, worker) => {
      const hole = worker.machine.flow?.hole;
      if (event.type !== 'logEndRead' || hole?.phase !== 'checking') return event;
      const mirrorEnd = worker.machine.mirrorEnd ?? 0n;
      const { logEnd } = event.ends;
      if (logEnd <= mirrorEnd || logEnd >= hole.end) return event;
      return { ...event, ends: { ...event.ends, logEnd: mirrorEnd + BigInt(hole.sentCount) } };
    },
  }),
  bug('data follows markers that are not replicated', 'one worker, replicas lag at holes', {
    event: (event) =>
      event.type === 'logEndRead'
        ? { ...event, ends: { ...event.ends, highWatermark: event.ends.logEnd } }
        : event,
  }),
  bug(
    'the log end behind a marker that timed out counts as replicated',
    'one worker, replicas lag at holes',
    {
      shell: { takesAnyMarkerAnswer: true },
    },
  ),
  bug('the newest batch is not compared at the start', 'one worker, source truncated', {
    verdict: (verdict) =>
      verdict.kind === 'differs' || verdict.kind === 'sourceEndsBefore'
        ? { kind: 'agrees', lastFetchedEpoch: -1, compared: false, sourceStart: 0n }
        : verdict,
  }),

  // When things are done.
  bug('markers are sent behind unanswered data', 'one worker, end of a rotation', sendsMarkersEarly()),
  bug('nothing settles: an expired guard is ignored', 'one worker, old records, restless', {
    action: (action) => skipPause(action, 'settle'),
  }),
  bug('the log end is not looked at before the first marker', 'several workers, busy at holes', {
    action: (action, worker) => {
      if (action.type === 'pause' && action.kind === 'claim') return skipPause(action, 'claim');
      const hole = worker.machine.flow?.hole;
      if (action.type !== 'readLogEnd' || hole?.phase !== 'looking') return { actions: [action] };
      worker.pretendLook();
      return { actions: [], events: [logEndAsMeant(action.round, worker)] };
    },
  }),
  bug('the start is not cut when it is filled', 'one worker, high start', {
    action: (action) =>
      action.type === 'cutStart'
        ? { actions: [], events: [{ type: 'startCut', round: action.round, logStart: action.beforeOffset }] }
        : { actions: [action] },
  }),

  // Who writes.
  bug('the generation is not raised at a takeover', 'several workers, few holes', {
    shell: { keepsGeneration: true },
  }),
  bug('the epoch is not raised behind a hole', 'several workers, end of a rotation', {
    action: (action) =>
      action.type === 'append' && action.append.identity.epoch > 0 && action.append.identity.epoch % 2 === 0
        ? { actions: [withIdentity(action, { epoch: action.append.identity.epoch - 1 })] }
        : { actions: [action] },
    event: (event) =>
      changeView(event, ({ position }) =>
        position.isBehindHole || position.epoch % 2 === 0 ? {} : { epoch: position.epoch + 1 },
      ),
  }),
  bug('the epoch is not raised for a hole', 'several workers, compaction', {
    action: (action) => {
      if (action.type !== 'writeMarkers' || action.markers.epoch % 2 === 0) return { actions: [action] };
      const { markers } = action;
      return { actions: [{ ...action, markers: { ...markers, epoch: markers.epoch - 1 } }] };
    },
    event: (event) =>
      changeView(event, (view) =>
        view.tail?.isControl && view.position.epoch % 2 === 1 ? { epoch: view.position.epoch + 1 } : {},
      ),
  }),
  bug('a hole at the end is forgotten at a takeover', 'one worker, interrupted at holes', {
    event: (event) => changeView(event, () => ({ isBehindHole: false })),
  }),
  bug('a promotion is not seen', 'several workers, promoted', {
    event: (event) =>
      event.type === 'destinationRead' ? { ...event, view: { ...event.view, isClosed: false } } : event,
  }),
  bug('all lives of a mirror have one producer id', 'one worker, the direction turns', {
    life: (life, link) => ({ ...life, producerId: linkProducerId({ ...link, incarnation: 0 }) }),
  }),
  bug('a later life goes on where a former one was closed', 'one worker, the direction turns', {
    life: (life) => ({ ...life, incarnation: 0 }),
  }),
  bug('the closing of a later life is not seen', 'several workers, the direction turns', {
    event: (event, worker) =>
      event.type === 'destinationRead' && (worker.life.incarnation ?? 0) > 0
        ? { ...event, view: { ...event.view, isClosed: false } }
        : event,
  }),
  bug('nobody is shut out when the direction turns', 'several workers, the direction turns', {
    shell: { turnsWithoutClosing: true },
  }),
  bug('a former primary is not compared', 'several workers, the direction turns at once', {
    shell: { trustsFormerPrimary: true },
  }),
  bug('the sequence does not follow from the log', 'one worker, interrupted at holes', ownSequences()),
  bug('data carries the filler’s identity', 'one worker', {
    action: (action) =>
      action.type === 'append'
        ? { actions: [withIdentity(action, { producerId: action.append.identity.producerId | 0xf_ffffn })] }
        : { actions: [action] },
  }),
];

function bug(name: string, scenario: string, mutation: Mutation): PlantedBug {
  return { name, scenario, mutation };
}

function logEndAsMeant(round: number, worker: SimWorker): Event {
  const { flow } = worker.machine;
  const logEnd = (flow?.mirrorEnd ?? 0n) + BigInt(flow?.hole?.sentCount ?? 0);
  return { type: 'logEndRead', round, ends: { leaderEpoch: 0, logEnd, highWatermark: logEnd } };
}

function skipPause(action: Action, kind: 'settle' | 'claim'): { actions: Action[]; events?: Event[] } {
  if (action.type !== 'pause' || action.kind !== kind) return { actions: [action] };
  return { actions: [], events: [{ type: 'timer', round: action.round }] };
}

function withIdentity(action: Extract<Action, { type: 'append' }>, change: Partial<WriterIdentity>): Action {
  const { append } = action;
  return { ...action, append: { ...append, identity: { ...append.identity, ...change } } };
}

function changeView(
  event: Event,
  change: (view: DestinationView) => Partial<DestinationView['position']>,
): Event {
  if (event.type !== 'destinationRead') return event;
  const { view } = event;
  return { ...event, view: { ...view, position: { ...view.position, ...change(view) } } };
}

/** The machine hears that the data before a hole is in as soon as it is sent. */
function sendsMarkersEarly(): Mutation {
  const invented = new WeakSet<Event>();
  return {
    action: (action, worker) => {
      if (action.type !== 'append' || worker.machine.flow?.queue[0]?.kind !== 'hole')
        return { actions: [action] };
      const event: Event = { type: 'appended', round: action.round, baseOffset: action.append.offset };
      invented.add(event);
      return { actions: [action], events: [event] };
    },
    event: (event, worker) => {
      if (event.type !== 'appended' || invented.has(event)) return event;
      // The real answer, late.
      return worker.machine.flow?.inFlight?.offset === event.baseOffset ? event : null;
    },
  };
}

/** Each worker counts from 0 in each round. */
function ownSequences(): Mutation {
  const next = new WeakMap<SimWorker, { round: number; sequence: number }>();
  return {
    action: (action, worker) => {
      if (action.type !== 'append') return { actions: [action] };
      const { round } = action;
      const known = next.get(worker);
      const sequence = known?.round === round ? known.sequence : 0;
      next.set(worker, { round, sequence: sequence + action.append.batch.recordCount });
      return { actions: [withIdentity(action, { sequence })] };
    },
  };
}
