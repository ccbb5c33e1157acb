// Waiting for something to become true, looked at again and again; always with an end.
import { setTimeout as pause } from 'node:timers/promises';

export interface WaitOptions {
  /** How long, ms; then the answer is false. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
  /** Between two looks, ms. Default 100. */
  readonly everyMs?: number;
  /** What is waited for, told after a while and whenever it is another thing. */
  readonly waitsFor?: () => string;
  readonly say?: (line: string) => void;
}

/** Short waits are not worth a line; the same words are repeated so rarely, ms. */
const quietMsMax = 1_500;
const repeatEveryMs = 10_000;
const changeEveryMs = 2_000;

/** Whether it became true in time. */
export async function waitUntil(
  isThere: () => boolean | Promise<boolean>,
  options: WaitOptions,
): Promise<boolean> {
  const { patienceMs, signal, everyMs = 100, waitsFor, say } = options;
  const beganMs = performance.now();
  let told = '';
  let toldAtMs = beganMs + quietMsMax - changeEveryMs;
  for (;;) {
    signal.throwIfAborted();
    if (await isThere()) return true;
    const nowMs = performance.now();
    if (nowMs - beganMs >= patienceMs) return false;
    const words = waitsFor?.() ?? '';
    if (words !== '' && nowMs - toldAtMs >= (words === told ? repeatEveryMs : changeEveryMs)) {
      say?.(words);
      told = words;
      toldAtMs = nowMs;
    }
    await pause(everyMs, undefined, { signal });
  }
}
