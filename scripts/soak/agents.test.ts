// What the soak takes from the lines of `lockstep run`: a stop that it overlooks would be a soak that can't fail.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SoakAgent } from './agents.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lockstep-soak-agents-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function after(...lines: string[]): SoakAgent {
  const agent = new SoakAgent('agent 1', 'lockstep.yaml', path.join(folder, 'agent.log'));
  for (const line of lines) agent.hear(line);
  return agent;
}

test('a stopped partition is a complaint, until it goes on', () => {
  const stopped = 'soak: orders-3: Diverged at offset 5: a batch meant for offset 5 landed at 6.';
  expect(after(stopped).complaints).toEqual([`agent 1: ${stopped.slice('soak: '.length)}`]);
  expect(after(stopped).isStopped('orders-3')).toBe(true);
  expect(after(stopped).isStopped('orders-2')).toBe(false);
  const over = after(stopped, 'soak: orders-3: Mirroring again');
  expect(over.isStopped('orders-3')).toBe(false);
  expect(over.complaints).toHaveLength(1);
});

test('one line may stand for several partitions', () => {
  const agent = after('soak: a-0 and 2 more partitions: Blocked at offset 1: too large.');
  expect(agent.complaints).toHaveLength(1);
  expect(agent.isStopped('b-7')).toBe(true);
});

test('what passes by itself is none', () => {
  const lines = [
    'soak: orders-0 and 3 more partitions: Recovering: the broker closed the connection. It is tried again.',
    'soak: orders-1: WaitingAtHole: only the next record proves that nothing was there.',
    'soak: topic orders: Preparing: cluster destination: refused with NOT_CONTROLLER.',
    'soak: created topic ledger in destination: 2 partitions, replication factor 3',
    'lockstep: soak: from source to destination, topics orders',
    'lockstep: vm-24438: applyLinks: nothing to change',
  ];
  expect(after(...lines).complaints).toEqual([]);
});

test('a topic that waits for a person is a complaint', () => {
  const line = 'soak: topic orders: Refused: message.timestamp.type is LogAppendTime';
  expect(after(line).complaints).toEqual([`agent 1: ${line.slice('soak: '.length)}`]);
});

test('the newest status line is kept', () => {
  const line = '2026-11-21T12:21:54.138Z  soak  19 of 19 partitions mirroring  lag none';
  expect(after(line).summary).toBe('soak  19 of 19 partitions mirroring  lag none');
});

test('how the agent stands in its fleet', () => {
  const agent = after(
    'lockstep: this agent leads the fleet',
    'lockstep: this agent does not lead the fleet any more',
    'lockstep: warning: lost its place in group lockstep: no heartbeat was answered for 10003 ms. It stops its 6 partitions and joins again.',
    '2026-11-21T12:21:54.138Z  soak  1,018 of 1,019 partitions mirroring (1 Settling)  lag none',
  );
  expect(agent).toMatchObject({ terms: 1, losses: 1, share: 1_019, complaints: [] });
  expect(after('2026-11-21T12:21:54.138Z  soak  no partitions yet').share).toBe(0);
});
