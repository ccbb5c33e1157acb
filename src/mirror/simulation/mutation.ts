// Ways to make a simulated worker wrong on purpose. What the simulator is worth shows in the bugs that it finds.
import type { MirrorLife } from '../partition/identity.ts';
import type { PartitionAction, PartitionEvent, TailVerdict } from '../partition/state.ts';
import type { SimBatch } from './sim-batch.ts';
import type { SimWorker } from './sim-worker.ts';

type Action = PartitionAction<SimBatch>;
type Event = PartitionEvent<SimBatch>;

export interface Mutation {
  /** What the machine hears instead; null: nothing. */
  readonly event?: (event: Event, worker: SimWorker) => Event | null;
  /** What is done instead of what the machine asked for; events are delivered before anything else happens. */
  readonly action?: (
    action: Action,
    worker: SimWorker,
  ) => { actions: readonly Action[]; events?: readonly Event[] };
  /** As whom workers write, and are closed. */
  readonly life?: (life: MirrorLife, link: { sourceClusterId: string; linkName: string }) => MirrorLife;
  readonly verdict?: (verdict: TailVerdict) => TailVerdict;
  /** The shell's own work. */
  readonly shell?: {
    /** The high watermark is taken for the log end. */
    readonly logEndIsHighWatermark?: boolean;
    /** Attributes of the source are sent as they are. */
    readonly keepsDeleteHorizon?: boolean;
    /** An empty answer is taken for a gap up to the last stable offset. */
    readonly emptyFetchIsHole?: boolean;
    /** Answers of an older fetch position count. */
    readonly takesAnyFetch?: boolean;
    /** Aborted data is not known as such. */
    readonly overlooksAborted?: boolean;
    /** Batches with gaps are sent as they are, without gaps. */
    readonly closesGaps?: boolean;
    /** Fetched batches are put together, and the machine takes them for batches of the source. */
    readonly hidesMerging?: boolean;
    /** The source's new leader is trusted without comparing. */
    readonly trustsNewSource?: boolean;
    /** A worker goes on with the generation that it finds. */
    readonly keepsGeneration?: boolean;
    /** The log end that is read behind a marker counts as replicated, whatever the answer was. */
    readonly takesAnyMarkerAnswer?: boolean;
    /** Markers that timed out, or whose connection broke, are sent once more. */
    readonly resendsMarkers?: boolean;
    /** How the log was left is believed, whoever told it. */
    readonly believesOldWord?: boolean;
    /** A worker tells how it left the log as soon as it is to stop. */
    readonly tellsTooEarly?: boolean;
    /** A worker that has stopped tells how it left the log, whether its last append was answered or not. */
    readonly tellsUnanswered?: boolean;
    /** The direction turns, and nobody shuts out the workers of before. */
    readonly turnsWithoutClosing?: boolean;
    /** The end of a log that was a primary's is taken as it is. */
    readonly trustsFormerPrimary?: boolean;
  };
}
