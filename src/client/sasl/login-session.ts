// The login of one connection: done before its first request, and again before each session ends (KIP-368), on the same
// connection and behind what is in flight. login-again.ts says when.
import { type Clock, type Random, sleep } from '../clock.ts';
import type { ConnectionOptions, Login } from '../connection-options.ts';
import { loginAgainAfterMs, loginsApartMs } from './login-again.ts';
import { tokenSource } from './token-source.ts';

export interface LoginSessionOptions {
  readonly first: Login;
  /** Asked before each later login for what to log in with then. */
  readonly nextLogin: () => Promise<Login>;
  readonly clock: Clock;
  readonly random: Random;
  /** Logs in; resolves with the session's lifetime in ms, 0 when it does not end. */
  readonly authenticate: (login: Login) => Promise<number>;
  /** Sends no more requests but the login's, and goes on with them. */
  readonly hold: () => void;
  readonly resume: () => void;
  /** A later login has failed: the connection is of no use any more. */
  readonly fail: (error: unknown) => void;
}

export class LoginSession {
  readonly #options: LoginSessionOptions;
  #loggedInAtMs = 0;
  #againCount = 0;
  #cancel: (() => void) | null = null;
  #isStopped = false;

  constructor(options: LoginSessionOptions) {
    this.#options = options;
  }

  /** Logins after the first. */
  get againCount(): number {
    return this.#againCount;
  }

  /** @throws LockstepError what `authenticate` throws. */
  async begin(): Promise<void> {
    this.#plan(await this.#logIn(this.#options.first));
  }

  /** The connection has closed. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  #logIn(login: Login): Promise<number> {
    this.#loggedInAtMs = this.#options.clock.nowMs();
    return this.#options.authenticate(login);
  }

  #plan(sessionMs: number): void {
    const { clock, random } = this.#options;
    if (sessionMs <= 0 || this.#isStopped) return;
    const delayMs = loginAgainAfterMs(sessionMs, random);
    this.#cancel = clock.after(delayMs, () => void this.#logInAgain(sessionMs - delayMs));
  }

  /** Finding out what to log in with may take a while: until half of the time that is left, requests go on. */
  async #logInAgain(leftMs: number): Promise<void> {
    const { nextLogin, clock, hold, resume, fail } = this.#options;
    const cancelHold = clock.after(leftMs / 2, hold);
    try {
      const login = await nextLogin();
      cancelHold();
      hold();
      const waitMs = this.#loggedInAtMs + loginsApartMs - clock.nowMs();
      if (waitMs > 0) await sleep(clock, waitMs);
      if (this.#isStopped) return;
      const nextSessionMs = await this.#logIn(login);
      this.#againCount += 1;
      resume();
      this.#plan(nextSessionMs);
    } catch (error) {
      fail(error);
    } finally {
      cancelHold();
    }
  }
}

/** What a connection logs in with when it opens; null where it does not. */
export function firstLogin({ sasl, tokens }: ConnectionOptions, clock: Clock): Login | null {
  if (sasl === undefined) return null;
  if (sasl.mechanism !== 'OAUTHBEARER') return { sasl, tokens: null };
  return { sasl, tokens: tokens ?? tokenSource(sasl, clock) };
}
