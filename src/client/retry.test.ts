import { describe, expect, it } from 'vitest';
import { manualClock } from '../../test/support/manual-clock.ts';
import { LockstepError } from '../errors.ts';
import { BrokerConnections } from './broker-connections.ts';
import type { Connection } from './connection.ts';
import { kafkaFailure } from './kafka-failure.ts';
import { retrying } from './retry.ts';

const middle = () => 0.5;

function attempts(
  errors: (number | LockstepError)[],
  options: { deadlineMs?: number; retry?: boolean } = {},
) {
  const clock = manualClock();
  const atMs: number[] = [];
  const failures: LockstepError[] = [];
  const result = retrying(
    {
      clock,
      random: middle,
      deadlineMs: options.deadlineMs ?? 60_000,
      retry: options.retry ?? true,
      onFailure: (error) => failures.push(error),
    },
    async () => {
      atMs.push(clock.nowMs());
      const error = errors[atMs.length - 1] ?? errors.at(-1)!;
      if (error === 0) return 'done';
      throw error instanceof LockstepError ? error : kafkaFailure(error, { cluster: 'c', what: 'x' });
    },
  );
  result.catch(() => {});
  return { clock, atMs, failures, result };
}

describe('retrying', () => {
  it('waits 100, 200, 400, 800, 1000 ms and so on while the error is retriable', async () => {
    const { clock, atMs, result } = attempts([6, 6, 6, 6, 6, 6, 0]);
    await clock.advance(10_000);
    expect(await result).toBe('done');
    expect(atMs).toEqual([0, 100, 300, 700, 1500, 2500, 3500]);
  });

  it.each([
    ['a right that is missing', 29, 'NOT_AUTHORIZED'],
    ['a topic that exists', 36, 'KAFKA_ERROR'],
  ])('fails at once for %s', async (_name, number, code) => {
    const { clock, atMs, result } = attempts([number]);
    await clock.advance(1000);
    await expect(result).rejects.toMatchObject({ code, detail: { number } });
    expect(atMs).toEqual([0]);
  });

  it('fails at once when it must not be tried again', async () => {
    const { clock, atMs, result } = attempts([6], { retry: false });
    await clock.advance(1000);
    await expect(result).rejects.toMatchObject({ detail: { number: 6 } });
    expect(atMs).toEqual([0]);
  });

  it('gives up at the deadline, with the last error and the number of attempts', async () => {
    const { clock, atMs, result } = attempts([6], { deadlineMs: 1000 });
    await clock.advance(5000);
    await expect(result).rejects.toMatchObject({ code: 'KAFKA_ERROR', detail: { number: 6, attempts: 4 } });
    await expect(result).rejects.toThrow(/Gave up after 4 attempts in 0\.7 s/);
    expect(atMs).toEqual([0, 100, 300, 700]);
  });

  it('waits for an unknown topic only as long as a creation takes to spread', async () => {
    const { clock, atMs, result } = attempts([3]);
    await clock.advance(60_000);
    await expect(result).rejects.toMatchObject({ detail: { number: 3 } });
    expect(atMs.at(-1)).toBeLessThan(5000);
    expect(atMs.length).toBeGreaterThan(4);
  });
});

describe('BrokerConnections', () => {
  it('shares one attempt, waits longer after each failure, and starts anew after a success', async () => {
    const clock = manualClock();
    const openedAtMs: number[] = [];
    const connection = { isOpen: true, close() {} };
    const connections = new BrokerConnections({
      clock,
      random: middle,
      open: async () => {
        openedAtMs.push(clock.nowMs());
        if (openedAtMs.length <= 4) throw new LockstepError('CLUSTER_UNREACHABLE', 'no');
        return connection as unknown as Connection;
      },
    });
    const address = { host: 'h', port: 1 };
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const both = Promise.allSettled([connections.get(address), connections.get(address)]);
      await clock.advance([0, 50, 100, 200][attempt]!);
      expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    }
    expect(openedAtMs).toEqual([0, 50, 150, 350]);
    const last = connections.get(address);
    await clock.advance(400);
    expect(await last).toBe(connection);
    expect(await connections.get(address)).toBe(connection);
    expect(openedAtMs).toEqual([0, 50, 150, 350, 750]);
    connection.isOpen = false;
    const again = connections.get(address);
    await clock.advance(0);
    await again;
    expect(openedAtMs.at(-1)).toBe(750);
  });

  it('ends a pause when the client is closed', async () => {
    const clock = manualClock();
    const connections = new BrokerConnections({
      clock,
      random: middle,
      open: async () => {
        throw new LockstepError('CLUSTER_UNREACHABLE', 'no');
      },
    });
    const address = { host: 'h', port: 1 };
    await expect(connections.get(address)).rejects.toMatchObject({ code: 'CLUSTER_UNREACHABLE' });
    const waiting = connections.get(address);
    connections.close();
    await expect(waiting).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await expect(connections.get(address)).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    expect(clock.timerCount).toBe(0);
  });
});
