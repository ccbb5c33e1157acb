// The two regions of a simulated world, and the turns of the direction between them.
//
// Both logs are to hold the same, so the source's log is the truth of both, whoever is primary. What the primary's
// producers write goes into its broker's log, too (`follow`), since after the next turn that log is the mirror. Each turn
// begins another life of a mirror: workers of former ones may still be there, frozen or late, and must write nothing.
import { linkProducerId, type MirrorLife } from '../partition/identity.ts';
import type { Agenda } from './agenda.ts';
import { Destination } from './destination.ts';
import type { Mutation } from './mutation.ts';
import type { SeededRandom } from './random.ts';
import type { SourceLog } from './source-log.ts';
import { Truth } from './truth.ts';

interface Side {
  readonly destination: Destination;
  readonly truth: Truth;
}

export interface RegionsOptions {
  readonly agenda: Agenda;
  readonly random: SeededRandom;
  readonly source: SourceLog;
  readonly allowsCopies: boolean;
  readonly batchBytesMax: number;
  readonly mutation: Mutation;
}

export class Regions {
  readonly #options: RegionsOptions;
  readonly #sides: [Side, Side];
  /** How often the direction has turned. */
  turnCount = 0;

  constructor(options: RegionsOptions) {
    this.#options = options;
    this.#sides = [newSide(options), newSide(options)];
    this.mirror.life = this.life;
  }

  /** The region that is copied into. */
  get mirror(): Destination {
    return this.#side(0).destination;
  }
  get truth(): Truth {
    return this.#side(0).truth;
  }
  /** Something was written into the primary by a worker. */
  get wrongAtPrimary(): string | null {
    return this.#side(1).truth.first?.what ?? null;
  }

  /** How often each thing happened, on both sides. */
  get seen(): Record<string, number> {
    const [one, other] = this.#sides.map(({ destination }) => Object.entries(destination.seen));
    return Object.fromEntries(one!.map(([what, count], index) => [what, count + other![index]![1]]));
  }

  /** Of whoever starts now. */
  get life(): MirrorLife {
    const { turnCount } = this;
    // A link in each direction.
    const sourceClusterId = turnCount % 2 === 0 ? 'simulated' : 'simulated, the other one';
    const link = { sourceClusterId, linkName: 'us-to-eu', incarnation: turnCount };
    const life = { producerId: linkProducerId(link), incarnation: turnCount };
    return this.#options.mutation.life?.(life, link) ?? life;
  }

  /** Whether the direction may turn now: the mirror is right, and has all of the source (`isPlanned`) or a part that stands. */
  mayTurn({ isPlanned }: { isPlanned: boolean }): boolean {
    const { source } = this.#options;
    const { log } = this.mirror;
    const isComplete = isPlanned ? log.end === source.end : source.startsBatchAt(log.end);
    return (
      isComplete &&
      log.highWatermark === log.end &&
      source.lastStableOffset >= log.end &&
      this.truth.first === null &&
      this.truth.firstDifference(log) === null
    );
  }

  /**
   * The mirror is closed and becomes the primary; the log of the former one is to go on as its mirror, or is restored:
   * deleted, and copied from the beginning.
   */
  turn({ isRestored }: { isRestored: boolean }): void {
    const { source, mutation } = this.#options;
    const { mirror } = this;
    this.follow();
    const cut = mirror.log.end;
    if (cut < source.end) source.truncate(cut);
    mirror.close(this.life, { isHarmless: mutation.shell?.turnsWithoutClosing === true });
    while (source.end < mirror.log.end) source.appendControl();
    source.changeLeader();
    this.turnCount += 1;
    if (isRestored) this.#sides[this.turnCount % 2 === 0 ? 0 : 1] = newSide(this.#options);
    this.mirror.closedAt = null;
    this.mirror.life = this.life;
  }

  /** What producers wrote is in the primary's log. */
  follow(): void {
    this.#side(1).destination.takeFrom(this.#options.source);
  }

  /** 0: the mirror; 1: the primary. */
  #side(index: 0 | 1): Side {
    return this.#sides[(this.turnCount + index) % 2]!;
  }
}

function newSide({ agenda, random, source, allowsCopies, batchBytesMax }: RegionsOptions): Side {
  const truth = new Truth(source, { allowsCopies });
  return { truth, destination: new Destination({ agenda, random, truth, batchBytesMax }) };
}
