import { describe, expect, it } from 'vitest';
import { WriteOrder } from './write-order.ts';

describe('WriteOrder', () => {
  it('lets a step that is asked for right after a decision wait for it, not the decision for the step', async () => {
    const order = new WriteOrder();
    const done: string[] = [];
    const decision = order.alone(async () => void done.push('decision'));
    const step = order.together(async () => void done.push('step'));
    await Promise.all([decision, step]);
    expect(done).toEqual(['decision', 'step']);
  }, 2_000);

  it('lets a decision wait for the steps that were asked for before it', async () => {
    const order = new WriteOrder();
    const done: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const step = order.together(() => promise.then(() => void done.push('step')));
    const decision = order.alone(async () => void done.push('decision'));
    const later = order.together(async () => void done.push('later'));
    resolve();
    await Promise.all([step, decision, later]);
    expect(done).toEqual(['step', 'decision', 'later']);
  });

  it('goes on behind a step and a decision that failed', async () => {
    const order = new WriteOrder();
    const fails = async (): Promise<never> => {
      throw new Error('refused');
    };
    await expect(order.together(fails)).rejects.toThrow('refused');
    await expect(order.alone(fails)).rejects.toThrow('refused');
    expect(await order.alone(async () => 'done')).toBe('done');
  });
});
