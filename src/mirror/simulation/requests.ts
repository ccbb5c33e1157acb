// A worker's requests that write, on their way: what becomes of them is the script's to say.
import type { OnAnswer } from './destination.ts';
import type { SimWorker } from './sim-worker.ts';
import { doubtTicks, leaveTicksMax, travelTicksMax } from './ticks.ts';

interface Request {
  readonly carryOut: (onAnswer: OnAnswer) => void;
  readonly onAnswer: OnAnswer;
  readonly canRepeat: boolean;
  /** Asked when it leaves; false: it does not. */
  readonly mayLeave?: () => boolean;
}

export class Requests {
  readonly #worker: SimWorker;
  /** Writes without an outcome, and until when one whose outcome is unknown may still be carried out. */
  #openWrites = 0;
  #doubtUntil = -1;

  constructor(worker: SimWorker) {
    this.#worker = worker;
  }

  /** Whether nothing that was sent may still be carried out. */
  get isQuiet(): boolean {
    return this.#openWrites === 0 && this.#worker.world.agenda.now >= this.#doubtUntil;
  }

  /**
   * A request leaves, travels, is carried out, and its answer travels back. A frozen worker's request that had not left
   * leaves when it wakes. `lost` hears of a connection that broke, at any moment before or after the request is done.
   */
  send(request: Request): void {
    const { world, random } = this.#worker;
    this.#openWrites += 1;
    let isOpen = true;
    const close = (isUnknown: boolean): void => {
      if (isOpen) this.#openWrites -= 1;
      isOpen = false;
      if (isUnknown) this.#doubtUntil = world.agenda.now + doubtTicks;
    };
    const fate = world.fates.takeFate();
    const isSlow = fate === 'delayRequest' || fate === 'strandRequest';
    const isBroken = fate !== null && fate !== 'delayRequest' && fate !== 'duplicateRequest';
    const hear: OnAnswer = (answer) => {
      close(answer === null);
      request.onAnswer(answer);
    };
    const onAnswer: OnAnswer = (answer) => {
      if (!isBroken) this.#worker.later(this.#worker.ticks(2), () => hear(answer));
    };
    if (isBroken) this.#worker.later(random.integer(1, 2 * travelTicksMax), () => hear(null));
    if (fate === 'loseRequest') return;
    const leave = (): void => {
      if (!this.#worker.isAlive) return;
      if (this.#worker.isFrozen) return this.#worker.whenAwake(leave);
      if (request.mayLeave?.() === false) return close(false);
      const slow = isSlow ? world.slowTicks(random) : 0;
      this.#worker.later(slow > 0 ? slow : this.#worker.ticks(travelTicksMax), () =>
        request.carryOut(onAnswer),
      );
      if (fate === 'duplicateRequest' && request.canRepeat)
        this.#worker.later(random.integer(1, travelTicksMax), () => request.carryOut(() => {}));
    };
    if (world.isPrompt) leave();
    else this.#worker.later(random.integer(0, leaveTicksMax), leave);
  }
}
