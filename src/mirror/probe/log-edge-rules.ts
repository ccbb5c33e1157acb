// What is asked where a log begins and ends: leader epochs that are not there, an end that was truncated away, a start
// that moves.
import { named } from './findings.ts';
import type { ProbeRule } from './rule.ts';

const unknownLeaderEpoch = 75;

export const logEdgeRules: readonly ProbeRule[] = [
  {
    id: 'leader-epoch-checked',
    rule: 'a fetch that names a leader epoch which is not there yet',
    expected: `refused with ${unknownLeaderEpoch}`,
    needs: 'source',
    trial: async (log) => {
      const { errorCode } = await log.fetch({ offset: 0n, currentLeaderEpoch: log.leaderEpoch + 1 });
      return { held: errorCode === unknownLeaderEpoch, seen: named(errorCode) };
    },
  },
  {
    id: 'diverging-epoch',
    rule: 'a fetch from beyond the end of the epoch it was fetched in, as after a truncation',
    expected: 'DivergingEpoch with the end of that epoch',
    needs: 'source',
    trial: async (log) => {
      const end = await log.logEnd();
      const epoch = log.leaderEpoch;
      const { errorCode, diverging } = await log.fetch({ offset: end + 5n, lastFetchedEpoch: epoch });
      const seen =
        diverging === null ? named(errorCode) : `epoch ${diverging.epoch} ends at ${diverging.endOffset}`;
      return { held: diverging?.epoch === epoch && diverging.endOffset === end, seen };
    },
  },
  {
    id: 'start-cut',
    rule: 'DeleteRecords moves the start of the log, and not its end',
    expected: 'start at the offset asked for',
    needs: 'start',
    trial: async (log) => {
      const { baseOffset } = await log.append({ ...log.newProducer(), sequence: 0, count: 3 });
      const start = await log.cut(baseOffset + 2n);
      const end = await log.logEnd();
      return {
        held: start === baseOffset + 2n && end === baseOffset + 3n,
        seen: `start ${start}, end ${end}`,
      };
    },
  },
];
