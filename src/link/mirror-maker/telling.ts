// The state of what is told, said once when it turns bad and once when it is well again.
import type { LockstepError } from '../../errors.ts';
import type { Notice } from '../notice.ts';
import type { TellingState, TellingStatus } from './types.ts';

export interface TellingOptions {
  /** In words: `heartbeats`. */
  readonly what: string;
  readonly topic: string;
  readonly onNotice: (notice: Notice) => void;
  readonly nowMs: () => number;
}

export class Telling {
  readonly #options: TellingOptions;
  #state: TellingState = 'Starting';
  #reason: string | null = null;
  #sinceMs: number;
  #lastWrittenAtMs: number | null = null;

  constructor(options: TellingOptions) {
    this.#options = options;
    this.#sinceMs = options.nowMs();
  }

  status(): TellingStatus {
    const { topic } = this.#options;
    const [state, reason, sinceMs] = [this.#state, this.#reason, this.#sinceMs];
    return { topic, state, reason, sinceMs, lastWrittenAtMs: this.#lastWrittenAtMs };
  }

  wrote(): void {
    this.#lastWrittenAtMs = this.#options.nowMs();
    this.#turn('Telling', null);
  }

  /** There was nothing to write, and nothing in the way. */
  idle(): void {
    if (this.#state !== 'Starting') this.#turn('Telling', null);
  }

  sourceUnheard(reason: string): void {
    this.#turn('SourceUnheard', reason);
  }

  isMirror(link: string): void {
    const { topic, what } = this.#options;
    this.#turn(
      'TopicIsMirror',
      `topic ${topic} is a mirror of link ${link}; leave it out of that link, or do without ${what} here`,
    );
  }

  failed({ code, message }: LockstepError): void {
    this.#turn(code === 'NOT_AUTHORIZED' ? 'NotAuthorized' : 'Failed', message);
  }

  #turn(state: TellingState, reason: string | null): void {
    const before = this.#state;
    this.#reason = reason;
    if (state === before) return;
    const { what, topic, onNotice, nowMs } = this.#options;
    this.#state = state;
    this.#sinceMs = nowMs();
    // A source that is down is told of by the groups.
    if (state === 'SourceUnheard' || before === 'SourceUnheard') return;
    if (state !== 'Telling')
      onNotice({ atMs: nowMs(), level: 'warning', text: `no ${what}: ${state}: ${reason}` });
    else if (before !== 'Starting')
      onNotice({ atMs: nowMs(), level: 'info', text: `${what} are written to topic ${topic} again` });
  }
}
