// A mirror's start where the source's lies higher: fillers are appended, and cut off. Nobody may read the topic meanwhile.
import type { FillerAppend } from '../partition/state.ts';
import type { AppendOutcome } from './destination-writer.ts';
import { tellNotAppended } from './partition-appends.ts';
import type { PartitionParts } from './partition-parts.ts';
import { asking } from './partition-questions.ts';

export class PartitionStartFill {
  readonly #parts: PartitionParts;
  /** Called when nothing is under way any more. */
  readonly #onChanged: () => void;
  #isChanging = false;

  constructor(parts: PartitionParts, onChanged: () => void) {
    this.#parts = parts;
    this.#onChanged = onChanged;
  }

  /** Whether a filler or a cut is not answered yet. */
  get isChanging(): boolean {
    return this.#isChanging;
  }

  async append(round: number, filler: FillerAppend): Promise<void> {
    const { services, machine, logs, writes, partition, deliver } = this.#parts;
    await asking(this.#parts, round, () => services.guardStart(partition));
    if (machine.round !== round) return;
    const log = logs.of('destination');
    const onOutcome = writes.note((outcome: AppendOutcome) => {
      this.#changed();
      if (outcome.kind !== 'appended') return tellNotAppended(this.#parts, round, outcome);
      deliver({ type: 'appended', round, baseOffset: outcome.baseOffset });
    });
    this.#isChanging = true;
    if (log === null) return onOutcome({ kind: 'unknown', reason: logs.noLeader('destination') });
    services.appendFiller(log, filler, onOutcome);
  }

  async cut(round: number, beforeOffset: bigint): Promise<void> {
    const { services, machine, logs, partition, deliver } = this.#parts;
    await asking(this.#parts, round, async () => {
      await services.guardStart(partition);
      if (machine.round !== round) return;
      const log = logs.led('destination');
      this.#isChanging = true;
      const logStart = await services.cutStart(log, beforeOffset).finally(() => this.#changed());
      deliver({ type: 'startCut', round, logStart });
    });
  }

  #changed(): void {
    this.#isChanging = false;
    this.#onChanged();
  }
}
