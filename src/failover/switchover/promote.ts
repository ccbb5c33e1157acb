// Step 6 of a switchover, its point of no return: the mirrors become topics that take writes.
import { LockstepError } from '../../errors.ts';
import { plural } from '../../units.ts';
import { linksBetween, movedMirrors, nameList } from '../moved.ts';
import { promoteAll, waitingWords } from '../steps/promotion.ts';
import type { Step } from '../types.ts';
import { waitUntil } from '../wait-until.ts';
import { liftCopiedDenials } from './denials.ts';
import { optionsOf } from './options.ts';
import { describePause, type Pause } from './stop-writes.ts';

/** What closing the partitions takes beyond the wait for the source at most, ms. */
const closeMsMax = 60_000;
const answerMsMax = 10_000;

export const promote: Step = {
  name: 'promote',
  title: ({ to }) => `promote the mirrors at ${to}`,
  isPointOfNoReturn: true,
  limitMs: (move) => optionsOf(move).timeoutMs + closeMsMax + 10_000,
  preview: async ({ group, home }, move) => {
    const mirrors = movedMirrors(group, home, move);
    const partitionCount = mirrors.reduce((sum, { partitionCount: count }) => sum + count, 0);
    return `${plural(mirrors.length, 'mirror')}, ${plural(partitionCount, 'partition')}; the last sync of the groups first`;
  },
  run: async (context, move) => {
    const { timeoutMs } = optionsOf(move);
    const { promoted, open } = await promoteAll(context, move, {
      ...{ isNow: false, timeoutMs, patienceMs: timeoutMs + closeMsMax },
      stoodStill: move.facts.stoodStill as Readonly<Record<string, readonly string[]>>,
    });
    if (open.length > 0)
      throw new LockstepError('REQUEST_TIMED_OUT', waitingWords(open, promoted.length + open.length));
    const copies = linksBetween(context.group, move.from, move.to).some(({ sync }) => sync.acls != null);
    if (copies) await liftCopiedDenials(context.home, move);
    const openAtMs = context.nowMs();
    const remarks = promoted.flatMap(({ sourceTopic, reason }) =>
      reason === null ? [] : [`${sourceTopic}: ${reason}`],
    );
    for (const remark of remarks.slice(0, 10)) context.say(remark);
    const pause = describePause(move.facts.pause as Pause, openAtMs, move.to);
    return {
      remark: `${plural(promoted.length, 'mirror')} promoted; ${pause}`,
      facts: { openAtMs, topics: promoted.map(({ sourceTopic }) => sourceTopic) },
    };
  },
  // A promotion that waits for its source can be called off; one that closes partitions can't.
  undo: async ({ group, home, signal }, move) => {
    const mirrors = () => movedMirrors(group, home, move);
    const gone = mirrors().filter(({ state }) => state === 'Closing' || state === 'Promoted');
    if (gone.length > 0)
      throw new LockstepError(
        'USAGE',
        `${nameList(gone.map(({ sourceTopic }) => sourceTopic))}: promoted at ${home.name} already, so the move can only go on; afterwards a switchover leads back`,
      );
    const draining = mirrors().filter(({ state }) => state === 'Draining');
    for (const [link, some] of Map.groupBy(draining, (mirror) => mirror.link)) {
      const topics = some.map(({ sourceTopic }) => sourceTopic);
      for (const what of ['pauseMirrors', 'resumeMirrors'] as const) {
        const answer = await home.send({ do: what, link, topics }, { timeoutMs: answerMsMax, signal });
        if (answer.state === 'refused') throw new LockstepError(answer.code ?? 'USAGE', answer.message);
      }
    }
    const isBack = () => mirrors().every(({ state }) => state === 'Mirroring');
    if (!(await waitUntil(isBack, { patienceMs: answerMsMax, signal })))
      throw new LockstepError('REQUEST_TIMED_OUT', 'the promotion could not be called off in time');
    return draining.length === 0
      ? 'nothing was promoted'
      : `${plural(draining.length, 'promotion')} called off`;
  },
};
