import { describe, expect, it } from 'vitest';
import { type FlowRecord, flowKey } from '../control/flows.ts';
import type { ControlTopic, KeyChange } from '../control/index.ts';
import { FleetReducer } from '../control/index.ts';
import { linkProducerId } from '../mirror/index.ts';
import type { LinkFlow } from '../topology/index.ts';
import { FlowBook, LoopWatch, nameWriter } from './flow-book.ts';

const [us, eu] = [
  { name: 'us', id: 'US' },
  { name: 'eu', id: 'EU' },
];
const names = { topics: ['.*'], excludeTopics: [], prefix: '', mirrorMaker: null };
const back: FlowRecord = {
  v: 1,
  link: 'back',
  ...names,
  source: eu!,
  destination: us!,
  prefix: 'e.',
  atMs: Date.now(),
  hops: 0,
} as FlowRecord;
const forth: LinkFlow = { link: 'forth', ...names, source: us!, destination: eu! };

/** A control topic of which the test is the log. */
function fakeControl(): { control: ControlTopic; put(key: string, value: FlowRecord | null): void } {
  const state = new FleetReducer();
  let listener: (changes: readonly KeyChange[]) => void = () => {};
  const onChange = (added: typeof listener) => {
    listener = added;
    return () => {};
  };
  return {
    control: { state, onChange } as unknown as ControlTopic,
    put: (key, value) => {
      const former = state.apply(key, value && JSON.stringify(value));
      listener([{ key, value, former, offset: 0n }]);
    },
  };
}

describe('the flows of a control topic', () => {
  it('are the same until one comes, goes or changes; when they were told is no change', () => {
    const { control, put } = fakeControl();
    const book = FlowBook.of(control);
    expect(FlowBook.of(control)).toBe(book);
    let changes = 0;
    book.onChange(() => changes++);
    expect(book.flows).toEqual([]);
    put(flowKey('US', 'US', 'back'), back);
    const { flows } = book;
    expect(flows.map(({ link }) => link)).toEqual(['back']);
    put(flowKey('US', 'US', 'back'), { ...back, atMs: Date.now() + 5, hops: 1 });
    expect(book.flows).toBe(flows);
    expect(changes).toBe(1);
    put(flowKey('US', 'US', 'back'), null);
    expect(book.flows).toEqual([]);
    expect(changes).toBe(2);
  });

  it('hold a topic that they would bring back, as long as they stand', () => {
    const { control, put } = fakeControl();
    const watch = new LoopWatch(FlowBook.of(control));
    expect(watch.holdOf(forth, 'e.stock')).toBeNull();
    put(flowKey('US', 'US', 'back'), back);
    expect(watch.holdOf(forth, 'e.stock')).toMatchObject({
      state: 'LoopDetected',
      reason: expect.stringContaining(
        'come back to eu: eu.stock -> us.e.stock -> eu.e.stock (links back, forth)',
      ),
    });
    expect(watch.holdOf(forth, 'orders')).toBeNull();
    // Its own flow, as its leader has told it here.
    put(flowKey('EU', 'EU', 'forth'), { ...back, ...forth } as FlowRecord);
    expect(watch.holdOf(forth, 'orders')).toBeNull();
    put(flowKey('US', 'US', 'back'), null);
    expect(watch.holdOf(forth, 'e.stock')).toBeNull();
  });

  it('name who writes under an id', () => {
    const id = linkProducerId({ sourceClusterId: 'EU', linkName: 'back', incarnation: 3 });
    expect(nameWriter(id + 2n, [back])).toBe('link back (eu -> us)');
    expect(nameWriter(id, [{ ...back, link: 'other' }])).toBeNull();
  });
});
