// The life of one mirrored partition as a machine without I/O: an event goes in, actions come out.
//
// The problem: an append whose answer is lost may have happened, may happen later, or never. A blind resend
// can put a batch in twice and move every later offset by one, for good. The answer: there is a single way
// back from every doubt. Drop what is in memory, read the destination's log end, let old requests settle,
// compare the newest batch with the source, and go on at the next sequence. The log is the only truth; nothing
// that was in memory is believed. Identity and content of every append follow from the log alone, so that the
// broker recognises an old request for the same place as the same (identity.ts).
//
//   Idle ─► ReadingDestination ─► Settling ─► ComparingTail ─► Mirroring ─► Stopping ─► Stopped
//              ▲    ▲   │                      │  │            │  │  ▲
//              │    │   └─ WaitingForReplicas  │  └─► FillingStart ─► CuttingStart ─► ReadingDestination
//              │    │                          │               │  │  └─ a hole is filled on the way (hole.ts)
//              └────┴────── Recovering ◄───────┴───────────────┘  ├─► Diverged, Blocked, SourceTruncated, ...
//                                                                 └─► LoopDetected ─► ReadingDestination
//
// Settling is left out once where the former worker told that nothing of it is under way, and the log is as it said.
//
// Each concern is a file of functions over what the machine holds (machine-core.ts):
//   takeover.ts        the looks before anything is written      filling-start.ts  a source that starts above the mirror's end
//   intake.ts          what comes from the source                coming-back.ts    records that return to where they were written
//   appending.ts       what goes to the destination              filling-hole.ts   markers on the way
import { advance, appended, appendRefused, hasToPrepare, prepare } from './appending.ts';
import { loopAgain, returnAnswered } from './coming-back.ts';
import { withHole } from './filling-hole.ts';
import { fillerAppended, startCut } from './filling-start.ts';
import { holeAnswered, holeLogEndRead, holeNotSent, holeTimer } from './hole.ts';
import { fetched, fetchRefused, shed, sourceDiverged } from './intake.ts';
import { giveBack, MachineCore } from './machine-core.ts';
import type {
  FetchedBatch,
  Flow,
  LeftLog,
  PartitionAction,
  PartitionEvent,
  PartitionPolicy,
  PartitionState,
  StopKind,
} from './state.ts';
import { destinationRead, tailCompared } from './takeover.ts';

/** One partition's machine. `handle` is the only way in; it never throws for events that come late. */
export class PartitionMachine<B extends FetchedBatch = FetchedBatch> {
  readonly #core: MachineCore<B>;

  /** As `MachineCore` has it. */
  constructor(policy?: PartitionPolicy, ownTag: bigint | null = null, isGrown = false) {
    this.#core = new MachineCore(policy, ownTag, isGrown);
  }

  /** Takes one event; answers with what is to be done now, in order. */
  handle(event: PartitionEvent<B>): readonly PartitionAction<B>[] {
    const core = this.#core;
    core.actions = [];
    dispatch(core, event);
    // Whatever happened, the next step is due when none is under way.
    if (core.state.name === 'Mirroring') advance(core, core.state.flow);
    return core.actions;
  }

  /** Whether `prepare` would put something together. */
  get hasToPrepare(): boolean {
    return hasToPrepare(this.#core);
  }

  /**
   * Puts together what goes next, while the append under way is answered: for whoever has sent that and has a moment. The
   * queue holds the same records afterwards.
   */
  prepare(): void {
    prepare(this.#core);
  }

  get state(): PartitionState<B> {
    return this.#core.state;
  }

  /** Grows whenever everything asked so far becomes void. Answers that carry an older round are ignored. */
  get round(): number {
    return this.#core.round;
  }

  /** Failures since the last acknowledged append or successful look at both logs. */
  get attempt(): number {
    return this.#core.attempt;
  }

  /** How often the destination had lost offsets that were acknowledged (for status and metrics). */
  get acknowledgedLostCount(): number {
    return this.#core.acknowledgedLostCount;
  }

  /** Offsets that retention at the source took before they were mirrored; a hole stands in their place. */
  get sourceLostCount(): bigint {
    return this.#core.sourceLostCount;
  }

  /** Offsets that became holes. */
  get holeOffsetsCount(): bigint {
    return this.#core.holeOffsetsCount;
  }

  /** The mirror's end as last known; survives recovery so that a step back is noticed. */
  get mirrorEnd(): bigint | null {
    return this.#core.mirrorEnd;
  }

  /** Set by a stop that leaves nothing under way: who follows may go on from there without settling. */
  get left(): LeftLog | null {
    return this.#core.left;
  }

  /** Small batches are put together up to so many bytes; less when a broker refuses that as too large, 0: not at all. */
  get mergedBytesMax(): number {
    return this.#core.mergedBytesMax;
  }

  /** The moving parts while copying, or null in any other state. */
  get flow(): Flow<B> | null {
    return this.#core.flow;
  }
}

function dispatch<B extends FetchedBatch>(core: MachineCore<B>, event: PartitionEvent<B>): void {
  if (event.type === 'begin') return begin(core);
  if (event.type === 'stop') return stop(core);
  if (event.type === 'topicRecreated') return topicRecreated(core, event.side, event.reason);
  if (event.type === 'sourceChanged') return sourceChanged(core, event.reason);
  if (event.round !== core.round) {
    if (event.type === 'fetched') for (const batch of event.batches) batch.release();
    return;
  }
  switch (event.type) {
    case 'timer':
      return timerRang(core);
    case 'destinationRead':
      return destinationRead(core, event.view, event.left ?? null);
    case 'tailCompared':
      return tailCompared(core, event.verdict);
    case 'readFailed':
      if (core.state.name === 'LoopDetected') return loopAgain(core, core.state.reason);
      return event.notAuthorized ? core.lacksRight(event.reason) : core.stopOrRecover(event.reason);
    case 'fetched':
      return fetched(core, event.batches);
    case 'fetchRefused':
      return fetchRefused(core, event);
    case 'sourceDiverged':
      return sourceDiverged(core, event);
    case 'appended':
      return core.state.name === 'FillingStart'
        ? fillerAppended(core, core.state, event.baseOffset)
        : appended(core, event);
    case 'appendRefused':
      return appendRefused(core, event);
    case 'appendUnknown':
    case 'markersUnknown':
      return core.stopOrRecover(event.reason);
    case 'markersAnswered':
      return withHole(core, 'writing', (hole) => holeAnswered(hole, event.errorCode, event.reason));
    case 'markersNotSent':
      return withHole(core, 'writing', holeNotSent);
    case 'logEndRead':
      return withHole(core, null, (hole, flow) => holeLogEndRead(hole, flow.mirrorEnd, event.ends));
    case 'startCut':
      return startCut(core, event.logStart);
    case 'returnAnswered':
      return returnAnswered(core, event.verdict);
    case 'shed':
      return shed(core);
  }
}

function begin<B extends FetchedBatch>(core: MachineCore<B>): void {
  if (core.state.name !== 'Idle')
    throw new Error(`begin: a partition in state ${core.state.name} has begun already`);
  core.readDestination();
}

function timerRang<B extends FetchedBatch>(core: MachineCore<B>): void {
  const { state } = core;
  switch (state.name) {
    case 'Settling':
      // Read once more and compare with `seen`: an old request may have landed meanwhile.
      return core.act({ type: 'readDestination', round: core.round });
    case 'WaitingForReplicas':
      return core.act({ type: 'readDestination', round: core.round });
    case 'Recovering':
    case 'NotAuthorized':
      return core.readDestination();
    case 'LoopDetected':
      return core.act({ type: 'askReturn', round: core.round, question: state.question });
    case 'Mirroring':
    case 'Stopping':
      return withHole(core, null, holeTimer);
    default:
      return;
  }
}

/** What was compared may stand there no more: compare again before anything is appended. */
function sourceChanged<B extends FetchedBatch>(core: MachineCore<B>, reason: string): void {
  if (core.state.name === 'Mirroring' || core.state.name === 'ComparingTail') core.recover(reason);
}

function stop<B extends FetchedBatch>(core: MachineCore<B>): void {
  const { state } = core;
  if (isStopped(state) || state.name === 'Stopping') return;
  if (core.doubt !== null) return core.end('Diverged', core.doubt.offset, core.doubt.reason);
  const flow = state.name === 'Mirroring' ? state.flow : null;
  if (flow === null) return core.end('Stopped', core.mirrorEnd, 'stopped as asked');
  const areMarkersSent = flow.hole?.phase === 'writing' || flow.hole?.phase === 'checking';
  if (flow.inFlight === null && !areMarkersSent) return core.leave(flow);
  core.act({ type: 'stopFetching' });
  giveBack(flow);
  core.state = { name: 'Stopping', flow };
}

function topicRecreated<B extends FetchedBatch>(
  core: MachineCore<B>,
  side: 'source' | 'destination',
  reason: string,
): void {
  if (isStopped(core.state)) return;
  core.end(side === 'source' ? 'SourceRecreated' : 'DestinationRecreated', core.mirrorEnd, reason);
}

const moving = new Set<PartitionState['name']>([
  'Idle',
  'ReadingDestination',
  'Settling',
  'WaitingForReplicas',
  'ComparingTail',
  'FillingStart',
  'CuttingStart',
  'Mirroring',
  'LoopDetected',
  'Recovering',
  'NotAuthorized',
  'Stopping',
]);

/** Whether the partition rests in a state that only a person, or another run, can end. */
export function isStopped<B extends FetchedBatch>(
  state: PartitionState<B>,
): state is Extract<PartitionState<B>, { name: StopKind }> {
  return !moving.has(state.name);
}
