// The three rules of credentials that rotate, with connections that are only names.
import { beforeEach, describe, expect, it } from 'vitest';
import { type ManualClock, manualClock } from '../../test/support/manual-clock.ts';
import { LockstepError } from '../errors.ts';
import type { Credentials, SaslConfig } from './config.ts';
import type { Connection } from './connection.ts';
import { CredentialKeeper, needsNewConnection } from './credentials.ts';

const withPassword = (password: string, username = 'ann'): Credentials => ({
  sasl: { mechanism: 'SCRAM-SHA-256', username, password },
});
const first = withPassword('1');
const second = withPassword('2');
const third = withPassword('3');
const names = new Map([
  [first, 'first'],
  [second, 'second'],
  [third, 'third'],
]);

let clock: ManualClock;
let newest: Credentials;
let problem: string | null;
let warnings: string[];
let dialled: string[];
let good: Set<Credentials>;
let closedCount: number;
let keeper: CredentialKeeper;

beforeEach(() => {
  clock = manualClock();
  newest = first;
  problem = null;
  warnings = [];
  dialled = [];
  good = new Set([first]);
  closedCount = 0;
  keeper = new CredentialKeeper({
    cluster: 'us',
    initial: first,
    source: {
      current: async () => newest,
      get problem() {
        return problem;
      },
    },
    clock,
    onWarning: (text) => warnings.push(text),
  });
});

async function dial(credentials: Credentials): Promise<Connection> {
  dialled.push(names.get(credentials) ?? '?');
  if (!good.has(credentials)) throw new LockstepError('AUTHENTICATION_FAILED', 'login failed.');
  return { close: () => (closedCount += 1) } as unknown as Connection;
}

describe('opening a connection', () => {
  it('fails as it stands while none was ever open', async () => {
    good.clear();
    await expect(keeper.open(dial)).rejects.toMatchObject({
      code: 'AUTHENTICATION_FAILED',
      retriable: false,
    });
    expect(dialled).toEqual(['first']);
  });

  it('uses the newest credentials', async () => {
    await keeper.open(dial);
    newest = second;
    good = new Set([second]);
    await keeper.open(dial);
    expect(dialled).toEqual(['first', 'second']);
    expect(keeper.inUse).toBe(second);
  });

  it('goes back to those that worked last, and tries refused ones again after five seconds', async () => {
    await keeper.open(dial);
    newest = second;
    await keeper.open(dial);
    expect(dialled).toEqual(['first', 'second', 'first']);
    expect(warnings).toEqual([
      'cluster us: the newest credentials are refused, the former ones stay in use: login failed.',
    ]);
    await keeper.open(dial);
    expect(dialled.slice(3)).toEqual(['first']);
    await clock.advance(5_000);
    good.add(second);
    await keeper.open(dial);
    expect(dialled.slice(4)).toEqual(['second']);
    expect(keeper.inUse).toBe(second);
    expect(warnings).toHaveLength(1);
  });

  it('tries at once what came after refused ones', async () => {
    await keeper.open(dial);
    newest = second;
    await keeper.open(dial);
    newest = third;
    good.add(third);
    await keeper.open(dial);
    expect(dialled).toEqual(['first', 'second', 'first', 'third']);
  });

  it('fails so that it can be tried again when all are refused that worked before', async () => {
    await keeper.open(dial);
    good.clear();
    await expect(keeper.open(dial)).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED', retriable: true });
    newest = second;
    await expect(keeper.open(dial)).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED', retriable: true });
  });

  it('does not take a broker that is down for a refusal', async () => {
    await keeper.open(dial);
    newest = second;
    const down = async (): Promise<Connection> => {
      throw new LockstepError('CLUSTER_UNREACHABLE', 'nobody listens.');
    };
    await expect(keeper.open(down)).rejects.toMatchObject({ code: 'CLUSTER_UNREACHABLE' });
    good.add(second);
    await keeper.open(dial);
    expect(dialled).toEqual(['first', 'second']);
  });

  it('with former credentials that was slow does not bring them back', async () => {
    await keeper.open(dial);
    let answer: () => void = () => {};
    const slow = keeper.open(async (credentials) => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return dial(credentials);
    });
    await clock.advance(0);
    newest = second;
    good.add(second);
    await keeper.open(dial);
    answer();
    await slow;
    expect(keeper.inUse).toBe(second);
  });
});

describe('trying the newest', () => {
  it('opens nothing when there is nothing new', async () => {
    await keeper.tryNewest(dial);
    await keeper.open(dial);
    await keeper.tryNewest(dial);
    expect(dialled).toEqual(['first']);
  });

  it('takes them over when they work, on a connection that it closes', async () => {
    await keeper.open(dial);
    newest = second;
    good.add(second);
    await keeper.tryNewest(dial);
    expect([keeper.inUse, closedCount]).toEqual([second, 1]);
  });

  it('leaves the former ones when they are refused, and tries again each time it is asked', async () => {
    await keeper.open(dial);
    newest = second;
    await keeper.tryNewest(dial);
    await keeper.tryNewest(dial);
    expect(keeper.inUse).toBe(first);
    expect(dialled).toEqual(['first', 'second', 'second']);
    expect(warnings).toHaveLength(1);
  });

  it('warns once about files that are not taken over', async () => {
    problem = 'sasl.password: found nothing';
    await keeper.open(dial);
    await keeper.tryNewest(dial);
    await keeper.tryNewest(dial);
    expect(warnings).toEqual(['cluster us: credentials are not taken over: sasl.password: found nothing']);
  });
});

describe('which connections are replaced', () => {
  const bearer = (token: string): SaslConfig => ({ mechanism: 'OAUTHBEARER', token });
  const cases: [name: string, before: Credentials, after: Credentials, isReplaced: boolean][] = [
    ['a new password comes with the next login', withPassword('1'), withPassword('2'), false],
    ['a new token, too', { sasl: bearer('a') }, { sasl: bearer('b') }, false],
    ['another user', withPassword('1'), withPassword('1', 'bob'), true],
    ['another mechanism', withPassword('1'), { sasl: bearer('a') }, true],
    ['another certificate', { tls: { cert: 'a', key: 'a' } }, { tls: { cert: 'b', key: 'b' } }, true],
    ['another authority', { tls: { ca: 'a' } }, { tls: { ca: 'b' } }, true],
    ['the same again', { tls: { ca: 'a' } }, { tls: { ca: 'a' } }, false],
  ];
  it.each(cases)('%s', (_name, before, after, isReplaced) => {
    expect(needsNewConnection(before, after)).toBe(isReplaced);
  });
});
