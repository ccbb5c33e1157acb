// What is in a log line: link, topic and partition where there are any, and never a secret.
import { expect, it } from 'vitest';
import { partition } from '../../test/support/link-status.ts';
import { createLog, type LogLevel } from './log.ts';
import { StateLog } from './log-states.ts';

function logged(write: (log: ReturnType<typeof createLog>) => void, level?: LogLevel) {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  write(createLog({ agent: 'agent-1', stream, ...(level && { level }) }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

it('is one JSON line with the agent, the time and the level in words', () => {
  const [line] = logged((log) => log.info({ link: 'us-to-eu', offset: 2n ** 60n }, 'mirroring'));
  expect(line).toMatchObject({ level: 'info', agent: 'agent-1', link: 'us-to-eu', msg: 'mirroring' });
  expect(line).toHaveProperty('offset', String(2n ** 60n));
  expect(Date.parse(String(line!.time))).toBeGreaterThan(0);
});

it('hides secrets at any depth, and shows references to them', () => {
  const source = { sasl: { username: 'app', password: 'hunter2' }, tls: { key: '-----BEGIN', ca: 'shown' } };
  const [line] = logged((log) => log.warn({ source, clientSecret: 'hunter2', password: '${env:X}' }, 'x'));
  expect(JSON.stringify(line)).not.toMatch(/hunter2|BEGIN/);
  expect(line).toMatchObject({
    password: '${env:X}',
    source: { sasl: { username: 'app' }, tls: { ca: 'shown' } },
  });
});

it('keeps what an error says, and where', () => {
  const [line] = logged((log) => log.error({ err: new Error('refused'), link: 'a' }, 'failed'));
  expect(line).toMatchObject({ err: { type: 'Error', message: 'refused' }, link: 'a' });
});

it('has a level', () => {
  expect(logged((log) => log.info('x'), 'warn')).toEqual([]);
  expect(logged((log) => log.debug('x'), 'debug')).toHaveLength(1);
});

it('tells trouble of a partition once, and its end, but not the steps of every start', () => {
  const lines = logged((log) => {
    const states = new StateLog(log);
    const look = (fields: Parameters<typeof partition>[0]) => states.look('us-to-eu', [partition(fields)]);
    look({ state: 'Settling' });
    look({ state: 'Mirroring' });
    look({ state: 'Recovering', reason: 'NOT_LEADER_OR_FOLLOWER' });
    look({ state: 'Recovering', reason: 'NOT_LEADER_OR_FOLLOWER' });
    look({ state: 'ReadingDestination' });
    look({ state: 'Recovering', reason: 'NOT_LEADER_OR_FOLLOWER' });
    look({ state: 'ReadingDestination' });
    look({ state: 'Mirroring' });
    look({ state: 'Diverged', isStopped: true, reason: 'the batch at 7 differs', stoppedAt: 7n });
  });
  expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
    ['warn', 'orders-0 is Recovering'],
    ['info', 'orders-0 is Mirroring'],
    ['error', 'orders-0 is Diverged'],
  ]);
  expect(lines[2]).toMatchObject({ link: 'us-to-eu', topic: 'orders', partition: 0, offset: '7' });
});

it('keeps in mind who was in trouble where only some are looked at', () => {
  const lines = logged((log) => {
    const states = new StateLog(log);
    states.look('us-to-eu', [partition({ state: 'Recovering' })], { isPart: true });
    states.look('us-to-eu', [], { isPart: true });
    states.look('us-to-eu', [partition({ state: 'Mirroring' })]);
  });
  expect(lines.map(({ msg }) => msg)).toEqual(['orders-0 is Recovering', 'orders-0 is Mirroring']);
});

it('does not hold a clean stop for trouble, and forgets partitions that left', () => {
  const lines = logged((log) => {
    const states = new StateLog(log);
    states.look('us-to-eu', [partition({ state: 'Recovering' })]);
    states.look('us-to-eu', []);
    states.look('us-to-eu', [partition({ state: 'Mirroring' })]);
    states.look('us-to-eu', [partition({ state: 'Stopped', isStopped: true })]);
  });
  expect(lines.map(({ msg }) => msg)).toEqual(['orders-0 is Recovering']);
});
