// Steps 3 to 5: what only the restored region has is saved, read back, and then deleted in its former place.
import { LockstepError } from '../../errors.ts';
import { formatBytes, formatCount, plural } from '../../units.ts';
import type { MoveContext, Step, StepOutcome } from '../types.ts';
import { deleteSaved, stillThere } from './delete-topics.ts';
import { foundOf, verifiedAsFacts, verifiedOf } from './facts.ts';
import { saveOlder, untilOlderSaved, verifyOlder } from './older.ts';
import { requireWaiting } from './restored-roles.ts';
import { saveTails, verifyTails } from './tails.ts';
import { longMs, paced, underWay } from './under-way.ts';

export const saveStep: Step = {
  name: 'saveTails',
  title: ({ to }) => `save what only ${to} has`,
  limitMs: () => longMs,
  run: async (context, move) => {
    const ground = await underWay(context, move);
    const found = foundOf(move);
    const [tails, older] = [new SavedCount(context), new SavedCount(context)];
    const taken = await saveTails(ground.lost, found, tails);
    await saveOlder(ground, found, older);
    const words = [
      ...(tails.records === 0
        ? []
        : [`${plural(tails.records, 'record')} saved, ${formatBytes(tails.bytes)}`]),
      ...(older.records === 0
        ? []
        : [
            `older history that ${move.from} does not have: ${plural(older.records, 'record')}, ${formatBytes(older.bytes)}, saved too`,
          ]),
      ...(taken === 0n ? [] : [`LOST: retention has taken ${plural(taken, 'offset')} since it was looked`]),
    ];
    return { remark: words.join('; ') || 'nothing was left to be saved' };
  },
  undo: async (_context, move) => {
    const { found } = move.facts;
    const kept = found === undefined ? [] : foundOf(move).copied.flatMap(({ savedTo }) => savedTo ?? []);
    return kept.length === 0
      ? 'nothing was saved'
      : `copies stay where they were made: ${kept.join(', ')} (older history: the same with .older); delete them if nobody needs them`;
  },
};

export const verifyStep: Step = {
  name: 'verifyTails',
  title: () => 'read what was saved back, and compare every record',
  limitMs: () => longMs,
  run: async (context, move) => {
    const ground = await underWay(context, move);
    const found = foundOf(move);
    const tails = await verifyTails(ground.lost, found, context);
    const older = await verifyOlder(ground, found, context);
    const [records, olderRecords] = [tails, older].map((all) =>
      all.reduce((sum, one) => sum + one.records, 0n),
    );
    const olderWords = olderRecords === 0n ? '' : `, and ${formatCount(olderRecords!)} of older history`;
    return {
      remark: `${plural(records!, 'record')} found${olderWords}, each as it was`,
      facts: verifiedAsFacts({ tails, older }),
    };
  },
};

export const deleteStep: Step = {
  name: 'deleteTopics',
  title: ({ to }) => `delete the topics at ${to} that can't be continued`,
  isPointOfNoReturn: true,
  limitMs: () => longMs,
  run: async (context, move): Promise<StepOutcome> => {
    const { group, signal, say, note } = context;
    const ground = await underWay(context, move);
    const found = foundOf(move);
    const { tails, older } = verifiedOf(move);
    const deleted = await deleteSaved(ground.lost, found, tails, {
      ...{ signal, say },
      before: async (topic) => {
        const copied = found.copied.filter((one) => one.topic === topic);
        await untilOlderSaved(ground, { ...found, copied }, older, { signal, say });
        // A terminal that slept until now may have lost the move to another one, or the region may be primary again.
        await note({});
        requireWaiting(group.roles(), move, topic);
      },
    });
    return { remark: deleted.length === 0 ? 'nothing was left' : `deleted ${deleted.join(', ')}` };
  },
  undo: async (context, move) => {
    const { lost } = await underWay(context, move);
    const found = foundOf(move);
    const there = await stillThere(lost, found);
    if (there.length === found.copied.filter(({ topicId }) => topicId !== null).length)
      return 'nothing was deleted';
    throw new LockstepError('USAGE', 'topics were deleted: the restore can only go on');
  },
};

/** Counts what is saved, and says how far it is. */
class SavedCount {
  readonly signal: AbortSignal;
  records = 0;
  bytes = 0;
  readonly #tell: (records: number, bytes: number) => void;

  constructor(context: MoveContext) {
    this.signal = context.signal;
    this.#tell = paced(context, (count, size) => `${plural(count, 'record')}, ${formatBytes(size)}`);
  }

  readonly onSaved = (records: number, bytes: number): void => {
    this.records += records;
    this.bytes += bytes;
    this.#tell(this.records, this.bytes);
  };
}
