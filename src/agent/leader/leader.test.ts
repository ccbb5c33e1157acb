import { afterEach, expect, test, vi } from 'vitest';
import {
  answerKey,
  type CommandRecord,
  type ControlTopic,
  commandKey,
  FleetReducer,
  type LeaderWriter,
  recordVersion,
} from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { checkTogether, resolveConfig } from '../declarations.ts';
import { Leader } from './leader.ts';
import type { Promotions } from './promotions.ts';

const running: Leader[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((leader) => leader.stop()));
});

/** A leader whose writes are there at once, unless `refuse` says why not. */
function lead(state: FleetReducer, refuse: (keys: readonly string[]) => LockstepError | null): void {
  const write: LeaderWriter['write'] = async (entries) => {
    const error = refuse([...entries.keys()]);
    if (error !== null) throw error;
    for (const [key, value] of entries) state.apply(key, value && JSON.stringify(value));
  };
  const leader = new Leader({
    control: {
      state,
      onChange: () => () => {},
      onRecreated: () => () => {},
      heardAtMs: () => 1,
    } as unknown as ControlTopic,
    writer: { write, settle: async () => {}, restore: async () => {} } as unknown as LeaderWriter,
    context: { resolve: resolveConfig, checkTogether },
    nowMs: () => 1,
    met: () => [],
    links: () => [],
    sourceClusterIds: () => new Map(),
    promotions: () => ({ step: () => {} }) as unknown as Promotions,
    onNotice: () => {},
    onFenced: () => {},
  });
  running.push(leader);
  leader.start();
}

function ask(state: FleetReducer, id: string): void {
  const source = { name: 'us', bootstrap: ['us:9092'] };
  const link = { name: id, source, destination: 'eu', config: { topics: ['orders'] } };
  const command: CommandRecord = {
    ...{ v: recordVersion, id, by: 'ann@host', atMs: 1, deadlineMs: 2, isDryRun: false },
    body: { do: 'createLink', link },
  };
  state.apply(commandKey(id), JSON.stringify(command));
}

test('a decision that can not be written is refused, and does not hold up the next command', async () => {
  const state = new FleetReducer();
  for (const id of ['large', 'small']) ask(state, id);
  const tooLarge = new LockstepError('KAFKA_ERROR', 'MESSAGE_TOO_LARGE');
  lead(state, (keys) => (keys.includes('link/large') ? tooLarge : null));
  await vi.waitFor(() => expect(state.answers.size).toBe(2));
  expect(state.answers.get('large')).toMatchObject({ state: 'refused', message: 'MESSAGE_TOO_LARGE' });
  expect(state.answers.get('small')).toMatchObject({ state: 'done' });
  expect([...state.links.keys()]).toEqual(['small']);
});

test('what a newer Lockstep has answered is answered', async () => {
  const state = new FleetReducer();
  for (const id of ['answered', 'new']) ask(state, id);
  state.apply(answerKey('answered'), JSON.stringify({ v: 99 }));
  lead(state, () => null);
  await vi.waitFor(() => expect(state.answers.size).toBe(1));
  expect([...state.links.keys()]).toEqual(['new']);
});
