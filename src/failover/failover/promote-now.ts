// Step 3 of a failover, its point of no return: the mirrors become topics that take writes, with what they have.
import { formatDuration, plural } from '../../units.ts';
import { movedMirrors } from '../moved.ts';
import { promoteAll, waitingWords } from '../steps/promotion.ts';
import type { Step } from '../types.ts';

const patienceMs = 60_000;
/** What can't be closed (a partition without a leader) must not keep the others from their work, ms. */
const stallMsMax = 8_000;

export const promoteNow: Step = {
  name: 'promote',
  title: ({ to }) => `promote the mirrors at ${to} at once`,
  isPointOfNoReturn: true,
  limitMs: () => patienceMs + 10_000,
  preview: async ({ group, home }, move) => plural(movedMirrors(group, home, move).length, 'mirror'),
  run: async (context, move) => {
    const { promoted, open } = await promoteAll(context, move, {
      ...{ isNow: true, timeoutMs: 0, patienceMs, stallMsMax },
    });
    const openAtMs = context.nowMs();
    const took = formatDuration(openAtMs - move.startedAtMs);
    const rest =
      open.length === 0
        ? ''
        : `; NOT YET: ${waitingWords(open, promoted.length + open.length)}; the agents go on trying`;
    return {
      remark: `${plural(promoted.length, 'mirror')} promoted; ${move.to} takes writes ${took} after the failover began${rest}`,
      facts: { openAtMs, topics: [...promoted, ...open].map(({ sourceTopic }) => sourceTopic) },
    };
  },
};
