// Runs the hooks of one point of a move. A hook is somebody else's program at the worst moment: it has a time-out, what
// it says is bounded, and it stops nothing unless it was declared as blocking and the move can still be stopped.
//
// Blocking hooks run one after the other, as they stand in the file; the others all at once beside them. A move that is
// gone on with after a crash runs its hooks again: they have to bear that.
import type { HookConfig, HookPoint } from '../../topology/index.ts';
import { formatDuration } from '../../units.ts';
import { runCommand } from './command-hook.ts';
import type { HookEvent, SentHookEvent } from './event.ts';
import type { HookEnd } from './hook-run.ts';
import { post, shownUrl } from './post-hook.ts';

export interface HookOptions {
  /** Folder of lockstep.yaml: commands run in it. */
  readonly folder: string;
  /** False behind the point of no return: then nothing stops the move. */
  readonly canStop: boolean;
  /** A line for people, each hook's as soon as it has ended. */
  readonly say?: (line: string) => void;
  /** The move's own: ends hooks that are under way. */
  readonly signal?: AbortSignal;
  /** Default: this process's. */
  readonly environment?: NodeJS.ProcessEnv;
}

export interface HookOutcome {
  readonly name: string;
  /** `notRun`: a blocking one before it failed. */
  readonly state: 'done' | 'failed' | 'timedOut' | 'notRun';
  readonly tookMs: number;
  /** One line in words: `dns: done after 20 ms`. */
  readonly line: string;
  /** What it said. */
  readonly output: readonly string[];
  /** Whether the move has to stop because of it. */
  readonly stopsMove: boolean;
}

/** Never throws because of a hook. The order is that of `hooks`. */
export async function runHooks(
  hooks: readonly HookConfig[],
  point: HookPoint,
  event: HookEvent,
  options: HookOptions,
): Promise<HookOutcome[]> {
  const chosen = hooksOf(hooks, point, event.kind);
  const sent: SentHookEvent = { ...event, at: point };
  const ended = new Map<HookConfig, HookOutcome>();
  const run = async (hook: HookConfig, failedBefore: string | null = null) => {
    const outcome = failedBefore === null ? await runOne(hook, sent, options) : notRun(hook, failedBefore);
    ended.set(hook, outcome);
    options.say?.(outcome.line);
    for (const line of outcome.output) options.say?.(`  ${hook.name}| ${line}`);
    return outcome;
  };
  const inOrder = async () => {
    let failed: string | null = null;
    for (const hook of chosen.filter(({ isBlocking }) => isBlocking))
      if ((await run(hook, failed)).stopsMove) failed ??= hook.name;
  };
  await Promise.all([inOrder(), ...chosen.filter(({ isBlocking }) => !isBlocking).map((hook) => run(hook))]);
  return chosen.flatMap((hook) => ended.get(hook) ?? []);
}

/** Those that run at this point of such a move. */
export function hooksOf(
  hooks: readonly HookConfig[],
  point: HookPoint,
  kind: HookEvent['kind'],
): HookConfig[] {
  return hooks.filter(({ at, on }) => at === point && on.includes(kind));
}

/** A hook's line in a plan: `dns: ./switch-dns.sh (at most 10 s, blocking)`. Shows no secret. */
export function hookPlanLine({ name, command, url, timeoutMs, isBlocking }: HookConfig): string {
  const what = command === undefined ? `POST ${shownUrl(url ?? '')}` : command.join(' ');
  return `${name}: ${what} (at most ${formatDuration(timeoutMs)}${isBlocking ? ', blocking' : ''})`;
}

async function runOne(hook: HookConfig, event: SentHookEvent, options: HookOptions): Promise<HookOutcome> {
  const { name, timeoutMs, isBlocking } = hook;
  const startedAtMs = performance.now();
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
  const { failure, lines } = await perform(hook, event, { ...options, signal });
  const tookMs = performance.now() - startedAtMs;
  const common = { name, tookMs, output: lines };
  const took = `after ${formatDuration(tookMs)}`;
  if (failure === null) return { ...common, state: 'done', line: `${name}: done ${took}`, stopsMove: false };
  const isTimedOut = timeout.aborted && options.signal?.aborted !== true;
  const why = isTimedOut ? `no end within ${formatDuration(timeoutMs)}; stopped` : `${failure} ${took}`;
  const stopsMove = isBlocking && options.canStop;
  return {
    ...common,
    state: isTimedOut ? 'timedOut' : 'failed',
    line: `${name}: FAILED: ${why}; ${consequence(hook, options)}`,
    stopsMove,
  };
}

function perform(
  { command, url, headers }: HookConfig,
  event: SentHookEvent,
  { folder, environment = process.env, signal }: HookOptions & { readonly signal: AbortSignal },
): Promise<HookEnd> {
  const run = { folder, environment, signal };
  return command === undefined ? post(url ?? '', headers, event, run) : runCommand(command, event, run);
}

function consequence({ isBlocking }: HookConfig, { canStop }: HookOptions): string {
  if (!isBlocking) return 'the move goes on: do by hand what it should have done';
  if (canStop) return 'it is blocking, so the move stops here';
  return 'it is blocking, but the move is behind its point of no return and goes on: do by hand what it should have done';
}

function notRun({ name }: HookConfig, failedBefore: string): HookOutcome {
  const line = `${name}: not run, because ${failedBefore} failed`;
  return { name, state: 'notRun', tookMs: 0, line, output: [], stopsMove: false };
}
