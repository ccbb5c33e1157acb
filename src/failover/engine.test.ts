import { describe, expect, test } from 'vitest';
import { LockstepError } from '../errors.ts';
import { runMove } from './engine.ts';
import { FakeRegion, fakeStep, groupOf, listeningTeller, newMove } from './fake-group.ts';
import { driverOf, livingDriver, MoveLog, MoveTaken, thisProcess } from './move-log.ts';
import type { Step } from './types.ts';
import { undoMove } from './undo.ts';

const by = 'ann@ops';

function setUp(given: Partial<Record<string, Partial<Step>>> = {}) {
  const home = new FakeRegion();
  const ran: string[] = [];
  const steps = ['one', 'two', 'three', 'four'].map((name) =>
    fakeStep(name, ran, { ...(name === 'three' && { isPointOfNoReturn: true as const }), ...given[name] }),
  );
  const teller = listeningTeller();
  const base = { group: groupOf(home), home, steps, by, teller, signal: new AbortController().signal };
  return { home, ran, steps, teller, base };
}

/** Steps that were named by the record when they ran. */
const failing = (message: string): Partial<Step> => ({
  run: async () => {
    throw new LockstepError('KAFKA_ERROR', message);
  },
});

describe('a move', () => {
  test('runs its steps in order, and the record names each before it begins', async () => {
    const seen: unknown[] = [];
    const { home, ran, teller, base } = setUp({
      two: {
        run: async (_context, move) => {
          seen.push(
            home.move.step,
            move.facts.kept,
            home.move.done.map(({ step }) => step),
          );
          return { remark: 'looked' };
        },
      },
      one: { run: async () => ({ remark: 'kept', facts: { kept: 7 } }) },
    });
    const end = await runMove({ ...base, move: newMove() });
    expect(end.kind).toBe('done');
    expect(seen).toEqual(['two', 7, ['one']]);
    expect(ran).toEqual(['three', 'four']);
    expect(home.move).toMatchObject({ state: 'done', step: 'four' });
    expect(driverOf(home.move)).toBeNull();
    expect(teller.lines.slice(0, 3)).toEqual(['1/4 do one', '1 done: kept', '2/4 do two']);
  });

  test('goes on with the step that the record names, and with its facts', async () => {
    const { home, ran, base } = setUp();
    home.put('move/shop/m-1', newMove({ step: 'three', revision: 5, facts: { kept: 1 } }));
    await runMove({ ...base, move: home.move });
    expect(ran).toEqual(['three', 'four']);
    expect(home.move.facts).toMatchObject({ kept: 1 });
  });

  test('that fails stands where it is: nobody drives it, the reason is kept, and hooks are told', async () => {
    const told: string[] = [];
    const { home, base } = setUp({ two: failing('no leader') });
    const onFailure = async (_context: unknown, _move: unknown, reason: string) => void told.push(reason);
    const end = await runMove({ ...base, move: newMove(), onFailure });
    expect(end).toMatchObject({ kind: 'failed', step: { name: 'two' } });
    expect(home.move).toMatchObject({
      state: 'running',
      step: 'two',
      facts: { failure: { reason: 'no leader' } },
    });
    expect(driverOf(home.move)).toBeNull();
    expect(told).toEqual(['no leader']);
  });

  test('whose first step fails is over', async () => {
    const { home, base } = setUp({ one: failing('not ready') });
    expect(await runMove({ ...base, move: newMove() })).toMatchObject({ kind: 'failed' });
    expect(home.move.state).toBe('failed');
  });

  test('does not wait for ever for a step', async () => {
    const { base } = setUp({ two: { limitMs: () => 20, run: () => new Promise(() => {}) } });
    const end = await runMove({ ...base, move: newMove() });
    expect(end).toMatchObject({ kind: 'failed', error: { code: 'REQUEST_TIMED_OUT' } });
  });

  test('that a person interrupts can be gone on with', async () => {
    const stopping = new AbortController();
    const { home, base } = setUp({
      two: { run: () => new Promise(() => stopping.abort(new Error('Ctrl-C'))) },
    });
    const end = await runMove({ ...base, signal: stopping.signal, move: newMove() });
    expect(end.kind).toBe('interrupted');
    expect(home.move).toMatchObject({ state: 'running', step: 'two', facts: { driver: null } });
  });

  test('whose write was carried out although the answer was lost goes on', async () => {
    const { home, ran, base } = setUp();
    home.answers = 'lost';
    expect((await runMove({ ...base, move: newMove() })).kind).toBe('done');
    expect(ran).toEqual(['one', 'two', 'three', 'four']);
  });

  test('that another terminal has taken stops here', async () => {
    const { home, ran, base } = setUp({
      two: {
        run: async () => {
          await new MoveLog(home, home.move, { driver: thisProcess('bob@ops'), nowMs: Date.now }).write({});
          return { remark: '' };
        },
      },
    });
    await expect(runMove({ ...base, move: newMove() })).rejects.toThrow(
      /driven by another terminal now \(bob@ops\)/,
    );
    expect(ran).toEqual(['one']);
  });

  test('that was undone meanwhile takes back what its step did when it woke up', async () => {
    const { home, ran, base } = setUp({
      two: {
        run: async () => {
          await new MoveLog(home, home.move, { driver: thisProcess('bob@ops'), nowMs: Date.now }).release({
            state: 'undone',
          });
          return { remark: '' };
        },
      },
    });
    await expect(runMove({ ...base, move: newMove() })).rejects.toThrow(MoveTaken);
    expect(ran).toEqual(['one', 'undo two']);
  });
});

describe('a step that slept while its move was taken away', () => {
  test('is told to stop by the next beat, and is taken back when it has stopped', async () => {
    let isStopped = false;
    const { home, ran, base } = setUp({
      two: {
        run: async ({ signal }) => {
          await new MoveLog(home, home.move, { driver: thisProcess('bob@ops'), nowMs: Date.now }).release({
            state: 'undone',
          });
          await new Promise<void>((resolve) => {
            signal.addEventListener('abort', () => setTimeout(resolve, 20), { once: true });
          });
          isStopped = true;
          throw new Error('deletes nothing more');
        },
        undo: async ({ signal }) => {
          ran.push(`undo two, stopped: ${isStopped}, may work: ${!signal.aborted}`);
          return '';
        },
      },
    });
    await expect(runMove({ ...base, move: newMove() })).rejects.toThrow(MoveTaken);
    expect(ran).toEqual(['one', 'undo two, stopped: true, may work: true']);
  });
});

describe('a second terminal', () => {
  test('sees that the first is alive by its beats, whatever the clocks say', async () => {
    const { home } = setUp();
    const log = new MoveLog(home, newMove(), { driver: thisProcess(by), nowMs: () => 0 });
    await log.take();
    try {
      expect(await livingDriver(home, home.move)).toMatchObject({ by });
    } finally {
      log.stop();
    }
  });

  test('sees at once that a process of this machine is gone', async () => {
    const { home } = setUp();
    const driver = { ...thisProcess(by), pid: 2 ** 22 + 1 };
    await new MoveLog(home, newMove(), { driver, nowMs: () => 0 }).write({});
    const beganMs = performance.now();
    expect(await livingDriver(home, home.move)).toBeNull();
    expect(performance.now() - beganMs).toBeLessThan(1_000);
  });

  test('sees after some beats that one elsewhere is silent', async () => {
    const { home } = setUp();
    const driver = { ...thisProcess(by), host: 'elsewhere' };
    await new MoveLog(home, newMove(), { driver, nowMs: () => 0 }).write({});
    expect(await livingDriver(home, home.move)).toBeNull();
  }, 10_000);

  test('that begins at the same time is refused', async () => {
    const { home, base } = setUp({ two: failing('stopped') });
    await runMove({ ...base, move: newMove() });
    await expect(runMove({ ...base, move: newMove({ id: 'm-2' }) })).rejects.toThrow(/runs in group shop/);
    expect(home.state.moves.size).toBe(1);
  });
});

describe('taking a move back', () => {
  test('goes through the steps in reverse, from the one that is under way', async () => {
    const { home, ran, base } = setUp({ two: failing('no') });
    await runMove({ ...base, move: newMove() });
    ran.length = 0;
    expect((await undoMove({ ...base, move: home.move })).state).toBe('undone');
    expect(ran).toEqual(['undo two', 'undo one']);
  });

  test('is refused behind the point of no return', async () => {
    const { home, ran, base } = setUp({ four: failing('no') });
    await runMove({ ...base, move: newMove() });
    ran.length = 0;
    await expect(undoMove({ ...base, move: home.move })).rejects.toThrow(
      /step 4\/4 is under way, behind the point of no return \(step 3\)/,
    );
    expect(ran).toEqual([]);
    expect(home.move.state).toBe('running');
  });

  test('asks the step that is the point of no return whether it is too late', async () => {
    const tooLate = async () => {
      throw new LockstepError('USAGE', 'promoted already');
    };
    const { home, ran, base } = setUp({ three: { ...failing('no'), undo: tooLate } });
    await runMove({ ...base, move: newMove() });
    ran.length = 0;
    await expect(undoMove({ ...base, move: home.move })).rejects.toThrow(/promoted already/);
    expect(ran).toEqual([]);
    expect(home.move).toMatchObject({ state: 'running', facts: { driver: null } });
  });
});
