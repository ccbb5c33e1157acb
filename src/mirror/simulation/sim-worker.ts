// One worker of a simulated world: the production machine, and around it what the shell (src/mirror/shell/partition-*.ts)
// does with sockets, done with agenda entries. The judgements are production code, too (identity.ts, tail.ts); what is
// modelled is only when each question is answered, and whether.
import type { MirrorLife } from '../partition/identity.ts';
import { isStopped, PartitionMachine } from '../partition/machine.ts';
import type {
  LeftLog,
  PartitionAction,
  PartitionEvent,
  PartitionPolicy,
  PauseKind,
} from '../partition/state.ts';
import type { Destination } from './destination.ts';
import { MirrorLooks } from './mirror-looks.ts';
import { MirrorWrites } from './mirror-writes.ts';
import type { Mutation } from './mutation.ts';
import type { SeededRandom } from './random.ts';
import { Holdings, type SimBatch } from './sim-batch.ts';
import { SourceFetching } from './source-fetching.ts';
import { TailComparing } from './tail-comparing.ts';
import { settleTicks } from './ticks.ts';
import type { World } from './world.ts';

type Event = PartitionEvent<SimBatch>;
type Action = PartitionAction<SimBatch>;

const replicasTicks = 2;
const notAuthorizedTicks = 10;
const retryTicksMax = 6;
/** As link-mirror.ts spreads claims. */
const claimSpread = 2;
const metadataTicks = 150;

export class SimWorker {
  readonly name: string;
  /** In which it got the partition. */
  readonly generation: number;
  readonly machine: PartitionMachine<SimBatch>;
  readonly holdings = new Holdings();
  isAlive = true;
  /** Set while frozen: the tick at which it wakes. */
  frozenUntil = -1;
  /** As the newest metadata that it has seen. */
  readonly known: { sourceEpoch: number; destinationEpoch: number; destinationLeader: number };
  /** When the log was read that the newest generation follows from. */
  startedAt = 0;
  /** How the former worker left the log. */
  #leftBefore: LeftLog | null = null;
  /** In which it was started: it may be over by now. */
  readonly life: MirrorLife;
  readonly destination: Destination;
  readonly world: World;
  readonly random: SeededRandom;
  readonly mutation: Mutation;
  readonly #looks: MirrorLooks;
  readonly #comparing: TailComparing;
  readonly #fetching: SourceFetching;
  readonly #writes: MirrorWrites;

  constructor(
    name: string,
    world: World,
    options: { policy: PartitionPolicy; random: SeededRandom; mutation: Mutation; generation: number },
  ) {
    this.name = name;
    this.generation = options.generation;
    this.machine = new PartitionMachine<SimBatch>(options.policy);
    this.world = world;
    this.random = options.random;
    this.mutation = options.mutation;
    this.life = world.regions.life;
    this.destination = world.destination;
    this.known = {
      sourceEpoch: world.source.leaderEpoch,
      destinationEpoch: world.destination.log.leaderEpoch,
      destinationLeader: world.destination.leader,
    };
    this.#looks = new MirrorLooks(this);
    this.#comparing = new TailComparing(this, this.#looks);
    this.#fetching = new SourceFetching(this, this.#comparing);
    this.#writes = new MirrorWrites(this, this.#looks, this.#comparing);
  }

  get isStopped(): boolean {
    return isStopped(this.machine.state);
  }

  get isFrozen(): boolean {
    return this.frozenUntil > this.world.agenda.now;
  }

  /** How it has left the log, where nothing of it is under way any more. */
  get left(): LeftLog | null {
    return this.#writes.isQuiet ? this.machine.left : null;
  }

  begin(left: LeftLog | null): void {
    this.#leftBefore = left;
    this.deliver({ type: 'begin' });
    this.#refreshRegularly();
  }

  /** One that is gone hears nothing; a frozen one hears it when it wakes. */
  deliver(event: Event): void {
    if (!this.isAlive) {
      if (event.type === 'fetched') for (const batch of event.batches) batch.release();
      return;
    }
    if (this.isFrozen) return this.whenAwake(() => this.deliver(event));
    const heard = this.mutation.event === undefined ? event : this.mutation.event(event, this);
    if (heard === null) return;
    const { machine } = this;
    const isStale = 'round' in heard && heard.round !== machine.round;
    const actions = machine.handle(heard);
    if (!isStale) this.world.countStep();
    this.world.traceWorker(this, heard, isStale);
    for (const action of actions) this.#carryOut(action);
    this.#fetching.fetch();
  }

  /** Runs once the worker, which is frozen, has woken. */
  whenAwake(run: () => void): void {
    const { agenda } = this.world;
    agenda.add(this.frozenUntil - agenda.now + this.random.integer(0, 2), () => {
      // It may be frozen again.
      if (this.isFrozen) this.whenAwake(run);
      else run();
    });
  }

  /** A pause of at least one tick, or of the most that is allowed. */
  ticks(max: number): number {
    return this.world.isPrompt ? 1 : this.random.integer(1, max);
  }

  later(ticks: number, run: () => void): void {
    this.world.agenda.add(ticks, run);
  }

  #carryOut(action: Action): void {
    const change = this.mutation.action;
    if (change === undefined) return this.#perform(action);
    const { actions, events = [] } = change(action, this);
    for (const changed of actions) this.#perform(changed);
    for (const event of events) this.deliver(event);
  }

  #perform(action: Action): void {
    switch (action.type) {
      case 'readDestination':
        return this.#looks.readFacts(action.round, ({ view }) => {
          this.startedAt = this.world.agenda.now;
          const left = this.#leftBefore;
          this.#leftBefore = null;
          this.deliver({ type: 'destinationRead', round: action.round, view, left });
          if (left !== null && this.machine.state.name === 'ComparingTail')
            this.world.note('began without settling');
        });
      case 'compareTail':
        return this.#comparing.compare(action.round);
      case 'startFetching':
        return this.#fetching.start(action);
      case 'stopFetching':
        return this.#fetching.stop();
      case 'append':
        return this.#writes.append(action.round, action.append);
      case 'appendFiller':
        return this.#writes.appendFiller(action.round, action.filler);
      case 'writeMarkers':
        return this.#writes.writeMarkers(action.round, action.markers);
      case 'readLogEnd':
        return this.#looks.readLogEnd(action.round);
      case 'cutStart':
        return this.#writes.cutStart(action.round, action.beforeOffset);
      case 'pause': {
        const { round } = action;
        return this.later(this.#pauseTicks(action.kind, action.attempt), () =>
          this.deliver({ type: 'timer', round }),
        );
      }
      case 'refreshMetadata':
        return this.#refresh(action.side);
    }
  }

  #pauseTicks(kind: PauseKind, attempt: number): number {
    switch (kind) {
      case 'settle':
        return settleTicks;
      case 'claim':
        return settleTicks + Math.floor(claimSpread * settleTicks * this.random.next());
      case 'replicas':
        return replicasTicks;
      case 'notAuthorized':
      case 'loop':
        return notAuthorizedTicks;
      case 'retry':
        return this.ticks(Math.min(retryTicksMax, 2 ** attempt));
    }
  }

  #refresh(side: 'source' | 'destination'): void {
    this.later(this.ticks(3), () => {
      const { source } = this.world;
      const destination = this.destination;
      if (side === 'source') this.known.sourceEpoch = source.leaderEpoch;
      else {
        this.known.destinationEpoch = destination.log.leaderEpoch;
        this.known.destinationLeader = destination.leader;
      }
    });
  }

  #refreshRegularly(): void {
    this.later(metadataTicks, () => {
      if (!this.isAlive || this.isStopped) return;
      for (const side of ['source', 'destination'] as const) this.#refresh(side);
      this.#refreshRegularly();
    });
  }

  readFailed(round: number, reason: string): void {
    this.#refresh('source');
    this.deliver({ type: 'readFailed', round, reason, notAuthorized: false });
  }

  loseSourceConnection(): void {
    this.#comparing.doubtSource();
  }

  /** For planted bugs that do without a look. */
  pretendLook(): void {
    this.#looks.pretend();
  }
}
