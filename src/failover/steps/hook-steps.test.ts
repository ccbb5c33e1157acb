import { describe, expect, test } from 'vitest';
import type { HookConfig } from '../../topology/index.ts';
import { CheckFailed } from '../checked.ts';
import { FakeRegion, groupOf, newMove } from '../fake-group.ts';
import type { MoveContext } from '../types.ts';
import { hooksAfter, hooksBefore, tellFailure } from './hook-steps.ts';

const hook = (given: Partial<HookConfig>): HookConfig => ({
  ...{ name: 'dns', on: ['switchover'], at: 'before', headers: {}, timeoutMs: 5_000, isBlocking: false },
  ...{ command: ['true'], ...given },
});

function contextWith(...hooks: HookConfig[]) {
  const home = new FakeRegion();
  const group = groupOf(home);
  const said: string[] = [];
  const context: MoveContext = {
    group: { ...group, config: { ...group.config, hooks } },
    ...{ home, by: 'ann@ops', nowMs: Date.now, note: async () => {}, signal: new AbortController().signal },
    say: (line) => said.push(line),
  };
  return { context, said };
}

describe('hooks as steps', () => {
  test('those of the point run, and nothing is said to have run where there is none', async () => {
    const { context, said } = contextWith(hook({}), hook({ name: 'later', at: 'after' }));
    expect((await hooksBefore.run(context, newMove())).remark).toBe('1 done');
    expect(said.join()).toMatch(/^dns: done/);
    expect((await hooksBefore.run(contextWith().context, newMove())).remark).toBe('none');
  });

  test('one that fails does not stop the move; one that is blocking does, before it', async () => {
    const failing = { command: ['false'] };
    expect((await hooksBefore.run(contextWith(hook(failing)).context, newMove())).remark).toMatch(
      /FAILED: dns/,
    );
    const blocking = hook({ ...failing, isBlocking: true });
    await expect(hooksBefore.run(contextWith(blocking).context, newMove())).rejects.toThrow(CheckFailed);
    const after = contextWith({ ...blocking, at: 'after' });
    expect((await hooksAfter.run(after.context, newMove())).remark).toMatch(/FAILED: dns/);
  });

  test('the plan names them, and a failure is told to those that want it', async () => {
    const { context, said } = contextWith(hook({}), hook({ name: 'pager', at: 'failure' }));
    expect(await hooksBefore.preview!(context, newMove())).toBe('dns: true (at most 5.0 s)');
    await tellFailure(context, newMove(), 'no leader');
    expect(said.join()).toMatch(/^pager: done/);
  });
});
