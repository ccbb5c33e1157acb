// One SASL exchange as the broker sees it: we speak first, the broker answers, until one side has no more to
// say. One strategy per file behind this interface; `authenticate.ts` carries the bytes.
import type { SaslMechanism } from '../config.ts';

/** The client's side of one exchange; used once. */
export interface SaslExchange {
  readonly mechanism: SaslMechanism;
  /** What we say first. */
  first(): Promise<Buffer>;
  /**
   * What we say to the broker's answer, or null when the exchange is over and the broker has proven what the
   * mechanism lets it prove.
   * @throws LockstepError AUTHENTICATION_FAILED when the answer is not what the mechanism allows.
   */
  next(answer: Buffer): Promise<Buffer | null>;
}
