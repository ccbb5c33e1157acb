import { describe, expect, test, vi } from 'vitest';
import { manualClock } from '../../../test/support/manual-clock.ts';
import type { Login } from '../connection-options.ts';
import { loginsApartMs } from './login-again.ts';
import { firstLogin, LoginSession } from './login-session.ts';

const loginWith = (password: string): Login => ({
  sasl: { mechanism: 'PLAIN', username: 'ann', password },
  tokens: null,
});
const old = loginWith('old');
const renewed = loginWith('new');
const sessionMs = 15_000;
/** login-again.ts, where chance says 0. */
const renewedAfterMs = 7_500;

interface Behaviour {
  readonly nextLogin?: () => Promise<Login>;
  readonly authenticate?: (login: Login) => Promise<number>;
}

function session({
  nextLogin = async () => renewed,
  authenticate: answer = async () => sessionMs,
}: Behaviour = {}) {
  const clock = manualClock();
  const authenticate = vi.fn(answer);
  const told: string[] = [];
  const logins = new LoginSession({
    ...{ first: old, nextLogin, clock, random: () => 0, authenticate },
    hold: () => told.push('hold'),
    resume: () => told.push('resume'),
    fail: (error) => told.push((error as Error).message),
  });
  return { clock, logins, authenticate, told };
}

describe('a login', () => {
  test('is renewed before its session ends, with what is newest then, while requests are held', async () => {
    const { clock, logins, authenticate, told } = session();
    await logins.begin();
    await clock.advance(renewedAfterMs - 1);
    expect(authenticate.mock.calls).toEqual([[old]]);
    await clock.advance(1);
    expect(authenticate.mock.calls).toEqual([[old], [renewed]]);
    expect(told).toEqual(['hold', 'resume']);
    await clock.advance(renewedAfterMs);
    expect(logins.againCount).toBe(2);
  });

  test('that does not end is not renewed', async () => {
    const { clock, logins } = session({ authenticate: async () => 0 });
    await logins.begin();
    expect(clock.timerCount).toBe(0);
  });

  test('that fails at first is the caller’s to hear of', async () => {
    const { logins, told } = session({ authenticate: () => Promise.reject(new Error('refused')) });
    await expect(logins.begin()).rejects.toThrow('refused');
    expect(told).toEqual([]);
  });

  test('that fails later ends the connection, which stays held', async () => {
    const answers = [Promise.resolve(sessionMs), Promise.reject(new Error('refused'))];
    answers[1]?.catch(() => {});
    const { clock, logins, told } = session({ authenticate: () => answers.shift()! });
    await logins.begin();
    await clock.advance(renewedAfterMs);
    expect(told).toEqual(['hold', 'refused']);
    expect(logins.againCount).toBe(0);
    expect(clock.timerCount).toBe(0);
  });

  test('comes no sooner behind another one than brokers take it', async () => {
    const { clock, logins, authenticate } = session({ authenticate: async () => 1_000 });
    await logins.begin();
    await clock.advance(loginsApartMs - 1);
    expect(authenticate).toHaveBeenCalledTimes(1);
    await clock.advance(1);
    expect(authenticate).toHaveBeenCalledTimes(2);
  });
});

describe('finding out what to log in with may take a while', () => {
  test('requests are held from half of the time that is left', async () => {
    const { clock, logins, told } = session({ nextLogin: () => new Promise(() => {}) });
    await logins.begin();
    const leftMs = sessionMs - renewedAfterMs;
    await clock.advance(renewedAfterMs + leftMs / 2 - 1);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual(['hold']);
  });
});

describe('when the connection has closed', () => {
  test('there is no further login', async () => {
    const { clock, logins } = session();
    await logins.begin();
    logins.stop();
    expect(clock.timerCount).toBe(0);
  });

  test('a login that was about to come does not', async () => {
    let tell: (login: Login) => void = () => {};
    const { clock, logins, authenticate } = session({
      nextLogin: () =>
        new Promise((resolve) => {
          tell = resolve;
        }),
    });
    await logins.begin();
    await clock.advance(renewedAfterMs);
    logins.stop();
    tell(renewed);
    await clock.advance(sessionMs);
    expect(authenticate).toHaveBeenCalledTimes(1);
  });
});

test('only OAUTHBEARER needs tokens, and without sasl there is no login', () => {
  const clock = manualClock();
  const address = { host: 'h', port: 1 };
  expect(firstLogin(address, clock)).toBeNull();
  expect(firstLogin({ ...address, sasl: old.sasl }, clock)).toEqual(old);
});
