// Which connections to one broker are not tried for a while: it refused to open them again, as brokers do that allow only so
// many from one address (max.connections.per.ip). Pure.

/** How long, ms: others may have left by then. */
const givenUpMs = 60_000;

export class GivenUpConnections {
  /** By number. */
  readonly #untilMs = new Map<number, number>();

  giveUp(number: number, nowMs: number): void {
    this.#untilMs.set(number, nowMs + givenUpMs);
  }

  opened(number: number): void {
    this.#untilMs.delete(number);
  }

  /** The numbers of those that are left of so many connections. One is wanted at least. */
  left(connections: number, nowMs: number): number[] {
    const isGivenUp = (number: number): boolean => (this.#untilMs.get(number) ?? nowMs) > nowMs;
    const numbers = Array.from({ length: connections }, (_, number) => number).filter(
      (number) => !isGivenUp(number),
    );
    for (let number = connections; numbers.length === 0; number++)
      if (!isGivenUp(number)) numbers.push(number);
    return numbers;
  }
}
