// How much a link has in flight where its file does not say: as much as the way to its brokers takes, and no more.
//
// The problem: what is in flight covers the time that passes between asking and having. For a source 80 ms away that is
// many megabytes. A near one fills the same room all the same, because it is faster than the destination: buffers that wait,
// and carry not a byte more. The answer: near brokers get one answer each, the full room is for far ones.
//
//   near   │ an answer from each source broker │ as much for each broker that is written to │   `bytesMax` at most
//   far    │ bytesMax                                                                       │
//
// It begins as if all were near, and grows when a source broker has been far for some looks in a row: on a busy machine
// a near one's first answers are late, too.

/**
 * The shortest answer of a source that is far, ms. Higher than where several fetches begin to help (`roundTripMsMin`): on two
 * busy cores none of a broker beside us took less than 2 ms in two of ten starts.
 */
const farTripMsMin = 5;
/** In a row, before a broker counts as far: two seconds, in which a near one has answered often. */
const farLooksMin = 4;
/** The frame of one answer, and a little more (`fetchResponseBytesMax`), in bytes. */
const answerBytes = 4 * 1024 * 1024;

export class InFlightRoom {
  readonly #bytesMax: number;
  /** The shortest way to each source broker and back, ms. */
  readonly #tripsMs = new Map<number, number>();
  #farLooks = 0;

  /** @param bytesMax of a link with far brokers, or many, in bytes. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** A source broker took so long to answer, ms: the shortest counts, since most answers wait for news. */
  noteTrip(broker: number, tookMs: number): void {
    this.#tripsMs.set(broker, Math.min(tookMs, this.#tripsMs.get(broker) ?? Number.POSITIVE_INFINITY));
  }

  /** So much as is known now, in bytes; asked in each look. */
  look(destinationBrokers: number): number {
    const isFar = Math.max(0, ...this.#tripsMs.values()) >= farTripMsMin;
    this.#farLooks = isFar ? this.#farLooks + 1 : 0;
    return this.#farLooks >= farLooksMin ? this.#bytesMax : this.nearBytes(destinationBrokers);
  }

  /** With one broker on each side where none is known yet. */
  nearBytes(destinationBrokers: number): number {
    const brokers = Math.max(1, this.#tripsMs.size) + Math.max(1, destinationBrokers);
    return Math.min(this.#bytesMax, brokers * answerBytes);
  }
}
