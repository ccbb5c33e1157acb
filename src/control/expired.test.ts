// What the leader removes, and what it must leave.
import { expect, test } from 'vitest';
import { agentKeptMs, answerKeptMs, expired } from './expired.ts';
import { FleetReducer } from './fleet-state.ts';
import { testAgent, testAnswer, testCommand, testMirror, testStatus } from './test-records.ts';

const nowMs = 1_000_000_000;

function expiredOf(records: Record<string, object>): string[] {
  const state = new FleetReducer();
  for (const [key, value] of Object.entries(records)) state.apply(key, JSON.stringify(value));
  return expired(state, nowMs).sort();
}

test('an answer goes after its time, and its command with it', () => {
  const keys = expiredOf({
    'command/old': testCommand('old'),
    'answer/old': testAnswer('old', 'done', nowMs - answerKeptMs - 1),
    'answer/alone': testAnswer('alone', 'refused', nowMs - answerKeptMs - 1),
    'command/new': testCommand('new'),
    'answer/new': testAnswer('new', 'done', nowMs - answerKeptMs),
  });
  expect(keys).toEqual(['answer/alone', 'answer/old', 'command/old']);
});

test('a command that is worked on stays, however old', () => {
  const records = { 'command/c': testCommand('c'), 'answer/c': testAnswer('c', 'working') };
  expect(expiredOf(records)).toEqual([]);
});

test('a command that nobody answered goes well after its deadline', () => {
  expect(
    expiredOf({
      'command/late': testCommand('late', nowMs - answerKeptMs - 1),
      'command/open': testCommand('open', nowMs - answerKeptMs),
    }),
  ).toEqual(['command/late']);
});

test('an agent that is gone', () => {
  expect(
    expiredOf({
      'agent/gone': testAgent('gone', nowMs - agentKeptMs - 1),
      'agent/here': testAgent('here', nowMs - agentKeptMs),
      'agent/fast-clock': testAgent('fast-clock', nowMs + 60_000),
    }),
  ).toEqual(['agent/gone']);
});

test('statuses of partitions that no mirror has; those of a mirror of a newer version stay', () => {
  expect(
    expiredOf({
      'mirror/us-to-eu/orders': testMirror('orders', 2),
      'status/us-to-eu/orders/0': testStatus(),
      'status/us-to-eu/orders/1': testStatus(),
      'status/us-to-eu/orders/2': testStatus(),
      'status/us-to-eu/gone/0': testStatus(),
      'mirror/us-to-eu/newer': { ...testMirror('newer'), v: 2 },
      'status/us-to-eu/newer/0': testStatus(),
    }),
  ).toEqual(['status/us-to-eu/gone/0', 'status/us-to-eu/orders/2']);
});
