// Compares everything that is appended to a simulated mirror with the source, at the moment it is appended.
//
// A mirror is right when every record in it is the one that was written at that offset of the source, decided and not
// aborted, and when nothing stands for consumers at the source where the mirror has a marker. Whatever is wrong is kept
// in a list by its offset, since a leader that loses its tail can also lose what was wrong.
import { isAborted, type SimulatedLog } from './destination.ts';
import { noRecord, offsetOf, type SourceLog } from './source-log.ts';

export interface Wrong {
  readonly kind: 'record' | 'marker' | 'filler' | 'attributes';
  readonly offset: number;
  readonly what: string;
  /**
   * A marker of a worker that started later was under way while another one filled the same hole, and nothing followed:
   * the one interleaving that brokers can't refuse (ARCHITECTURE.md).
   */
  readonly isInWindow: boolean;
  /** The source had lost what this was copied from. */
  readonly isFromLostSource: boolean;
}

export class Truth {
  readonly #source: SourceLog;
  readonly #allowsCopies: boolean;
  /** By ascending offset. */
  readonly wrongs: Wrong[] = [];

  constructor(source: SourceLog, options: { allowsCopies: boolean }) {
    this.#source = source;
    this.#allowsCopies = options.allowsCopies;
  }

  get first(): Wrong | null {
    return this.wrongs[0] ?? null;
  }

  /** Whether the source has a record for consumers there now. */
  isVisible(offset: number): boolean {
    return this.#source.isVisible(offset);
  }

  recordsAppended(baseOffset: number, values: readonly number[]): void {
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      const offset = baseOffset + i;
      if (this.#isRight(offset, value)) continue;
      const written = this.#source.written(offset);
      this.#note({
        kind: 'record',
        offset,
        what: `the record of ${offsetOf(value)} stands at ${offset}, where the source ${written === noRecord ? 'has none' : `has the one of ${offsetOf(written)}`}`,
        isInWindow: false,
        isFromLostSource: Math.floor(value / 1_000_000) < this.#source.truncationCount,
      });
    }
  }

  markerAppended(offset: number, isInWindow: boolean): void {
    const source = this.#source;
    if (offset < source.end && !source.isVisible(offset)) return;
    const what =
      offset < source.end
        ? `a marker stands at ${offset}, where the source has a record`
        : `a marker stands at ${offset}, and the source ends at ${source.end}`;
    this.#note({ kind: 'marker', offset, what, isInWindow, isFromLostSource: source.truncationCount > 0 });
  }

  fillerAppended(offset: number, count: number): void {
    if (offset + count <= this.#source.start) return;
    const what = `fillers stand from ${offset} to ${offset + count}, and the source starts at ${this.#source.start}`;
    this.#note({ kind: 'filler', offset, what, isInWindow: false, isFromLostSource: false });
  }

  noteWrong(kind: Wrong['kind'], offset: number, what: string): void {
    this.#note({ kind, offset, what, isInWindow: false, isFromLostSource: false });
  }

  /** The mirror ends at `end` now. */
  truncated(end: number): void {
    while (this.wrongs.length > 0 && (this.wrongs.at(-1) as Wrong).offset >= end) this.wrongs.pop();
  }

  /** Compares the log up to `end` as it stands now; the first offset that is wrong, in words. */
  firstDifference(log: SimulatedLog, end = log.end): string | null {
    const source = this.#source;
    for (const batch of log.batches()) {
      if (batch.baseOffset >= end) break;
      if (batch.kind === 'marker') {
        if (batch.baseOffset >= source.end || source.isVisible(batch.baseOffset))
          return `a marker at ${batch.baseOffset}`;
        continue;
      }
      const { baseOffset, content } = batch;
      if (content.isFiller) {
        // Those that were cut off with a part of their batch left behind are below the log's start.
        if (baseOffset + batch.count > log.start) return `fillers at ${baseOffset}`;
        continue;
      }
      for (let i = 0; i < content.values.length; i++) {
        if (
          isAborted(content)
            ? source.isVisible(baseOffset + i)
            : !this.#isRight(baseOffset + i, content.values[i] as number)
        )
          return `a record at ${baseOffset + i}`;
      }
    }
    return null;
  }

  #isRight(offset: number, value: number): boolean {
    const source = this.#source;
    if (source.written(offset) === value) return true;
    // A copy stands for a record that was compacted away, or for one that was invisible all the time behind a gap.
    return this.#allowsCopies && offsetOf(value) > offset && !source.isVisible(offset);
  }

  #note(wrong: Wrong): void {
    this.wrongs.push(wrong);
  }
}
