import { expect, it } from 'vitest';
import { Breaks } from './breaks.ts';

it('gives way to what waits, each time a break is due', async () => {
  const done: string[] = [];
  setImmediate(() => done.push('record'));
  const breaks = new Breaks({ spanMs: 0 });
  for (const slice of ['first', 'second']) {
    done.push(slice);
    if (breaks.isDue) await breaks.take();
  }
  expect(done).toEqual(['first', 'record', 'second']);
});

it('asks for none while the work is short', () => {
  expect(new Breaks({ spanMs: 3_600_000 }).isDue).toBe(false);
});
