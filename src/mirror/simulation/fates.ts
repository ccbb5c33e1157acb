// What the script has in store for requests and questions that are not under way yet.
import type { StrokeKind } from './stroke-kinds.ts';

export type Fate = 'loseRequest' | 'loseAnswer' | 'delayRequest' | 'duplicateRequest' | 'strandRequest';

const fatesMax = 3;

export class Fates {
  #fates: Fate[] = [];
  #emptyFetches = 0;
  #readFailures = 0;
  #splits = 0;

  /** Null where the stroke is none of these; false when enough is in store. */
  add(kind: StrokeKind): boolean | null {
    switch (kind) {
      case 'loseRequest':
      case 'loseAnswer':
      case 'delayRequest':
      case 'duplicateRequest':
      case 'strandRequest':
        if (this.#fates.length >= fatesMax) return false;
        this.#fates.push(kind);
        return true;
      case 'emptyFetch':
        this.#emptyFetches = Math.min(fatesMax, this.#emptyFetches + 1);
        return true;
      case 'splitMarkers':
        this.#splits = Math.min(fatesMax, this.#splits + 1);
        return true;
      case 'failRead':
        this.#readFailures = Math.min(fatesMax, this.#readFailures + 1);
        return true;
      default:
        return null;
    }
  }

  takeFate(): Fate | null {
    return this.#fates.shift() ?? null;
  }

  takesEmptyFetch(): boolean {
    if (this.#emptyFetches === 0) return false;
    this.#emptyFetches -= 1;
    return true;
  }

  takesReadFailure(): boolean {
    if (this.#readFailures === 0) return false;
    this.#readFailures -= 1;
    return true;
  }

  takesSplit(): boolean {
    if (this.#splits === 0) return false;
    this.#splits -= 1;
    return true;
  }

  /** Nothing bad happens any more. */
  clear(): void {
    this.#fates = [];
    this.#emptyFetches = 0;
    this.#readFailures = 0;
    this.#splits = 0;
  }
}
