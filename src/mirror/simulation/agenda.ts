// What is going to happen in a simulated world, the earliest first; what is due at the same time in the order in which
// it was added. A binary heap, so that a world with much under way is as fast as one with little.

interface Entry {
  readonly time: number;
  readonly order: number;
  readonly run: () => void;
}

export class Agenda {
  /** Ticks since the start. */
  now = 0;
  readonly #heap: Entry[] = [];
  #order = 0;

  get isEmpty(): boolean {
    return this.#heap.length === 0;
  }

  add(ticks: number, run: () => void): void {
    const entry = { time: this.now + ticks, order: this.#order++, run };
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent] as Entry, entry)) break;
      heap[at] = heap[parent] as Entry;
      at = parent;
    }
    heap[at] = entry;
  }

  /** Runs the next thing; false when nothing is due until `until`. */
  runNext(until: number): boolean {
    const first = this.#heap[0];
    if (first === undefined || first.time > until) {
      this.now = Math.max(this.now, until);
      return false;
    }
    this.#removeFirst();
    this.now = first.time;
    first.run();
    return true;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child += 1;
      if (isBefore(last, heap[child] as Entry)) break;
      heap[at] = heap[child] as Entry;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}
