// Step 3 of a switchover: nobody writes at the old primary any more. Producers are stopped by their owners, or denied.
import type { Acl } from '../../client/index.ts';
import type { MoveRecord } from '../../control/index.ts';
import { formatDuration, plural } from '../../units.ts';
import { linksBetween, movedMirrors, movedTopics, nameList, reached, sidesOf } from '../moved.ts';
import type { MoveContext, Step } from '../types.ts';
import {
  clientWords,
  denialsOf,
  makeDenials,
  ownersDenials,
  removeDenials,
  wantedDenials,
} from './denials.ts';
import { optionsOf } from './options.ts';
import { untilQuiet } from './watch.ts';

/** Logs that stand still for so long are taken to be at rest, ms; those of who is denied sooner. */
const quietMs = { asked: 1_000, denied: 300 } as const;

export const stopWrites: Step = {
  name: 'stopWrites',
  title: (move) =>
    optionsOf(move).denyWrites
      ? `deny writes at ${move.from}, and see that they stop`
      : `see that writes stop at ${move.from}`,
  limitMs: (move) => optionsOf(move).timeoutMs + 30_000,
  preview: async (context, move) => {
    const { denyWrites } = optionsOf(move);
    const topics = movedMirrors(context.group, context.home, move).map(({ sourceTopic }) => sourceTopic);
    if (!denyWrites) return `stop the producers of ${nameList(topics)}; waits until the logs stand still`;
    for (const line of clientWords) context.say(`  ${line}`);
    const denials = await wantedDenials(sidesOf(context, move).from, topics);
    if (denials === null) return `no authorizer runs at ${move.from}: stop the producers by hand`;
    return deniedWords(denials.map(({ principal }) => principal));
  },
  run: async (context, move) => {
    const { denyWrites, timeoutMs } = optionsOf(move);
    const denied = denyWrites && (await deny(context, move));
    if (!denied) context.say(`stop the producers of ${nameList(movedTopics(move))} at ${move.from} now`);
    const deniedAtMs = denied ? context.nowMs() : null;
    const { ends, lastGrewAtMs } = await untilQuiet(context, move, {
      quietMs: denied ? quietMs.denied : quietMs.asked,
      timeoutMs,
    });
    const pause = pauseBegan(deniedAtMs, lastGrewAtMs, context.nowMs());
    const stood = Object.fromEntries([...ends].map(([name, { logEnd }]) => [name, String(logEnd)]));
    const remark = `${plural(ends.size, 'log stands', 'logs stand')} still`;
    return { remark, facts: { pause, stood } };
  },
  undo: async (context, move) => {
    const denials = denialsOf(move);
    if (denials.length === 0) return 'nobody was denied';
    const { removedCount } = await removeDenials(reached(context.group, move.from), denials, []);
    await context.note({ denials: [] });
    return `${plural(removedCount, 'denial')} taken away`;
  },
};

/** When writes began to pause, by our clock; and what that is known from. */
export interface Pause {
  readonly sinceMs: number;
  readonly from: 'denial' | 'lastRecord' | 'firstLook';
}

function pauseBegan(deniedAtMs: number | null, lastGrewAtMs: number | null, nowMs: number): Pause {
  if (deniedAtMs !== null) return { sinceMs: deniedAtMs, from: 'denial' };
  if (lastGrewAtMs !== null) return { sinceMs: lastGrewAtMs, from: 'lastRecord' };
  return { sinceMs: nowMs - quietMs.asked, from: 'firstLook' };
}

const pauseWords = {
  denial: 'from the denial',
  lastRecord: 'from the last record',
  firstLook: 'from the first look on, when nobody wrote any more',
} as const;

/** `writes paused for 1.4 s, from the denial until eu-west takes them`. */
export function describePause({ sinceMs, from }: Pause, openAtMs: number, to: string): string {
  return `writes paused for ${formatDuration(Math.max(0, openAtMs - sinceMs))}, ${pauseWords[from]} until ${to} takes them`;
}

/** False where nobody could be denied. */
async function deny(context: MoveContext, move: MoveRecord): Promise<boolean> {
  const { from } = sidesOf(context, move);
  for (const line of clientWords) context.say(line);
  const wanted = await wantedDenials(from, movedTopics(move));
  if (wanted === null) {
    context.say(`no authorizer runs at ${from.name}, so nobody can be denied`);
    return false;
  }
  // What a former try has written down may stand, or not yet.
  const before = denialsOf(move);
  const denials = [...before, ...wanted];
  await context.note({ denials, ownersDenials: await ownersBefore(context, move, denials) });
  await makeDenials(from, denials, context.signal);
  context.say(deniedWords(denials.map(({ principal }) => principal)));
  return denials.length > 0;
}

/** At the new primary; a former try of this move may have had its denials copied there. */
async function ownersBefore(
  { group, home }: MoveContext,
  move: MoveRecord,
  denials: readonly Acl[],
): Promise<readonly string[]> {
  const { ownersDenials: known } = move.facts as { ownersDenials?: readonly string[] };
  const copies = linksBetween(group, move.from, move.to).filter(({ sync }) => sync.acls != null);
  if (known !== undefined || copies.length === 0) return known ?? [];
  return ownersDenials(
    home,
    denials,
    copies.map(({ name }) => name),
  );
}

function deniedWords(principals: readonly string[]): string {
  const names = [...new Set(principals)];
  if (names.length === 0)
    return 'no rule lets anybody write but agents and super users, who can not be denied; watching the logs';
  return `DENY WRITE for ${nameList(names)} (super users can not be denied)`;
}
