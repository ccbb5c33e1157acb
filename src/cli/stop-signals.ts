// SIGINT and SIGTERM ask the command to end cleanly; a second one, a while later, ends it at once.

/** A Ctrl-C reaches us twice when a starter (bin/, scripts/start.mjs) passes it on: that is one wish, not two. */
const sameWishMsMax = 1_000;

export interface StopSignals {
  readonly signal: AbortSignal;
  /** Ends the command as a signal would. */
  stop(): void;
  /** Puts the process's own signal handling back. */
  [Symbol.dispose](): void;
}

/** Listens until disposed. `onForce` is called when a person insists. */
export function listenForStop(onForce: () => void): StopSignals {
  const controller = new AbortController();
  let firstAtMs: number | undefined;
  const handle = (): void => {
    if (firstAtMs === undefined) {
      firstAtMs = performance.now();
      controller.abort();
    } else if (performance.now() - firstAtMs > sameWishMsMax) {
      onForce();
    }
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return {
    signal: controller.signal,
    stop: () => controller.abort(),
    [Symbol.dispose]: () => {
      process.off('SIGINT', handle);
      process.off('SIGTERM', handle);
    },
  };
}
