// Promoting the moved mirrors, and waiting for it: what is promoted already stays so, what is on its way is waited for.
import type { AnswerRecord, MirrorRecord, MoveRecord } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { plural } from '../../units.ts';
import { movedMirrors, nameList } from '../moved.ts';
import type { MoveContext } from '../types.ts';
import { waitUntil } from '../wait-until.ts';

export interface PromotionWish {
  readonly isNow: boolean;
  /** How long a planned one may wait for its source, ms. */
  readonly timeoutMs: number;
  /** Where each source partition stood still, by topic, in the source's offsets: then writes need not be watched again. */
  readonly stoodStill?: Readonly<Record<string, readonly string[]>>;
  /** All together, ms. */
  readonly patienceMs: number;
  /** Given up when none has got on for so long, ms; absent: only at the end of the patience. */
  readonly stallMsMax?: number;
}

export interface PromotionEnd {
  readonly promoted: readonly MirrorRecord[];
  /** What is still on its way, and why. */
  readonly open: readonly MirrorRecord[];
}

/** After a leader was killed the next one has the same command in its topic; a command that got lost is sent again, ms. */
const resendMs = 15_000;
const answerMsMax = 120_000;

/** @throws LockstepError where the leader refuses a promotion. */
export async function promoteAll(
  context: MoveContext,
  move: MoveRecord,
  wish: PromotionWish,
): Promise<PromotionEnd> {
  const { group, home, signal, say } = context;
  const mirrors = (): MirrorRecord[] => movedMirrors(group, home, move);
  const open = (): MirrorRecord[] => mirrors().filter(({ state }) => state !== 'Promoted');
  let refusal: unknown = null;
  let sentAtMs = Number.NEGATIVE_INFINITY;
  let progress = '';
  let progressAtMs = performance.now();
  const send = (): void => {
    const waiting = open().filter(({ state }) => !isOnItsWay(state, wish.isNow));
    sentAtMs = performance.now();
    for (const [link, some] of Map.groupBy(waiting, (mirror) => mirror.link)) {
      ask(context, link, some, wish).then(
        ({ state, code, message }) => {
          if (state === 'refused') refusal = new LockstepError(code ?? 'USAGE', message);
        },
        (error: unknown) => {
          // A leader that is lost answers nothing; the next one may.
          if (!(error instanceof LockstepError) || !mayPass(error)) refusal = error;
        },
      );
    }
  };
  const isDone = (): boolean => {
    if (open().length === 0) return true;
    if (refusal !== null) throw refusal;
    const nowMs = performance.now();
    const states = mirrors()
      .map(({ sinceMs, state }) => `${state}${sinceMs}`)
      .join();
    if (states !== progress) [progress, progressAtMs] = [states, nowMs];
    if (nowMs - progressAtMs >= (wish.stallMsMax ?? Number.POSITIVE_INFINITY)) return true;
    if (nowMs - sentAtMs >= resendMs) send();
    return false;
  };
  if (open().length > 0) send();
  await waitUntil(isDone, {
    patienceMs: wish.patienceMs,
    everyMs: 10,
    signal,
    say,
    waitsFor: () => waitingWords(open(), mirrors().length),
  });
  const left = open();
  return { promoted: mirrors().filter((mirror) => !left.includes(mirror)), open: left };
}

/** Of mirrors that are on their way: how many, and the first reason. */
export function waitingWords(open: readonly MirrorRecord[], count: number): string {
  const reasons = [...new Set(open.flatMap(({ reason }) => reason ?? []))];
  const why = reasons.length === 0 ? '' : `: ${nameList(reasons, 2)}`;
  return `${open.length} of ${plural(count, 'mirror')} on the way (${nameList(
    open.map(({ sourceTopic }) => sourceTopic),
    5,
  )})${why}`;
}

function mayPass({ code, retriable }: LockstepError): boolean {
  return retriable || code === 'NO_AGENT';
}

function isOnItsWay(state: MirrorRecord['state'], isNow: boolean): boolean {
  return state === 'Closing' || (state === 'Draining' && !isNow);
}

function ask(
  { home, signal }: MoveContext,
  link: string,
  mirrors: readonly MirrorRecord[],
  { isNow, timeoutMs, stoodStill }: PromotionWish,
): Promise<AnswerRecord> {
  const topics = mirrors.map(({ sourceTopic }) => sourceTopic);
  const stood = topics.flatMap((topic) => {
    const ends = stoodStill?.[topic];
    return ends === undefined ? [] : [[topic, ends] as const];
  });
  return home.send(
    {
      do: 'promoteMirrors',
      ...{ link, topics, isNow, timeoutMs },
      ...(stood.length > 0 && { stoodStill: Object.fromEntries(stood) }),
    },
    { timeoutMs: timeoutMs + answerMsMax, signal },
  );
}
