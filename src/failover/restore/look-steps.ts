// Steps 1 and 2: where the logs part, and what of the loss can only be read while they are there.
import { LockstepError } from '../../errors.ts';
import { formatCount, plural } from '../../units.ts';
import { completeLossReport } from '../loss/index.ts';
import type { Step } from '../types.ts';
import { divergedOf, foundAsFacts, foundIn, optionsOf } from './facts.ts';
import { restoreGround } from './ground.ts';
import { lookForRestore, windowOffsetsDefault } from './look.ts';
import { deletedTopics, type RestorePlan } from './types.ts';
import { longMs, paced } from './under-way.ts';

export const look: Step = {
  name: 'look',
  title: ({ to, from }) => `find where the logs of ${to} and ${from} part`,
  limitMs: () => longMs,
  run: async (context, move) => {
    const { group, signal } = context;
    const { history, comparesAll, confirmed } = optionsOf(move);
    await group.reopen();
    const ground = restoreGround(group, move.to, move.topics, divergedOf(move));
    const plan = await lookForRestore(ground, {
      atMs: move.startedAtMs,
      windowOffsets: comparesAll ? null : windowOffsetsDefault,
      signal,
      onPartition: paced(
        context,
        (done: number, total: number) => `${formatCount(done)} of ${plural(total, 'partition')}`,
      ),
    });
    const unconfirmed = deletedTopics(plan).filter(({ topic }) => !confirmed.includes(topic));
    if (unconfirmed.length > 0)
      throw new LockstepError(
        'USAGE',
        `${unconfirmed.map(({ topic }) => topic).join(', ')}: would be deleted at ${move.to} by now, and was not when the plan was confirmed; look at the plan again`,
      );
    return { remark: foundRemark(plan), facts: foundAsFacts(foundIn(plan, history)) };
  },
};

function foundRemark({ topics }: RestorePlan): string {
  const counted = Map.groupBy(topics, ({ fate }) => fate);
  const count = (fate: RestorePlan['topics'][number]['fate']): number => counted.get(fate)?.length ?? 0;
  return [
    `${plural(count('continue'), 'topic')} continued in place`,
    `${formatCount(count('copyAgain'))} to be copied again`,
    ...(count('copyAnew') > 0 ? [`${formatCount(count('copyAnew'))} to be copied for the first time`] : []),
    ...(count('leaveAlone') > 0 ? [`${formatCount(count('leaveAlone'))} left alone`] : []),
  ].join(', ');
}

export const lossCompleted: Step = {
  name: 'lossCompleted',
  title: () => 'complete the loss report, while the lost logs are there',
  limitMs: () => longMs,
  run: async (context, move) => {
    const reports = await completeLossReport(context, move);
    const open = reports.filter(({ summary }) => summary.completedAtMs === null).length;
    if (reports.length === 0) return { remark: 'there is none' };
    return { remark: open === 0 ? 'it is complete' : 'some of it stays unknown; lockstep loss says what' };
  },
};
