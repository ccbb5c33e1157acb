// A restore as steps. Until topics are deleted everything can be left as it is: what was made by then are copies.
import type { MoveRecord } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { formatBytes, formatCount, formatDuration, plural } from '../../units.ts';
import { completeLossReport } from '../loss/index.ts';
import { setRolesAt, setRolesElsewhere } from '../set-roles.ts';
import type { MoveContext, Step, StepOutcome } from '../types.ts';
import { beginMirrors } from './begin-mirrors.ts';
import { closeFormer, formerClosedWords } from './close-former.ts';
import { untilCopied } from './copy.ts';
import { describeCopy } from './copy-progress.ts';
import { deleteSaved, stillThere } from './delete-topics.ts';
import {
  divergedOf,
  foundAsFacts,
  foundIn,
  foundOf,
  optionsOf,
  restoredOf,
  verifiedAsFacts,
  verifiedOf,
} from './facts.ts';
import { groundBetween, type RestoreGround, restoreGround } from './ground.ts';
import { hold } from './hold.ts';
import { lookForRestore, windowOffsetsDefault } from './look.ts';
import { saveOlder, untilOlderSaved, verifyOlder } from './older.ts';
import { requireWaiting, restoredRoles, restoredTopicsOf } from './restored-roles.ts';
import { saveTails, verifyTails } from './tails.ts';
import { deletedTopics, type RestorePlan } from './types.ts';
import { untilOpened } from './until-opened.ts';
import { verifyEnds } from './verify-ends.ts';

/** What depends on the amount of data may take this long, ms; it can be interrupted and gone on with. */
const longMs = 7 * 24 * 3_600_000;
const tellEveryMs = 2_000;
const patienceMs = 10_000;

const look: Step = {
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

const lossCompleted: Step = {
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

const saveStep: Step = {
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

const verifyStep: Step = {
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

const deleteStep: Step = {
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

const beginStep: Step = {
  name: 'beginMirrors',
  title: () => 'decide where the mirrors begin',
  limitMs: () => longMs,
  run: async (context, move) => {
    const ground = await underWay(context, move);
    const later = foundOf(move).copied.filter(({ beginsAt }) => beginsAt !== null);
    if (later.length === 0) return { remark: 'at the start of the logs' };
    await beginMirrors(ground, later, context.say);
    return {
      remark: `${plural(later.length, 'topic')} where the logs parted; older records stay at ${move.from}`,
    };
  },
};

const rolesHere: Step = {
  name: 'rolesHere',
  title: ({ to }) => `let ${to} be a mirror again`,
  limitMs: () => longMs,
  run: async (context, move) => {
    const { group, home, by, nowMs, note, signal } = context;
    const roles = group.roles();
    if (roles === null) throw new LockstepError('INTERNAL', `group ${move.group} has no roles any more`);
    if (roles.moveId === move.id) {
      await setRolesAt(home, roles);
      return { remark: `roles of generation ${roles.generation}` };
    }
    const { leftAlone, copied } = foundOf(move);
    const topics = restoredTopicsOf(roles, move, leftAlone);
    const anew = new Set(copied.map(({ topic }) => topic));
    const kept = [...topics].filter((topic) => !anew.has(topic));
    // Nothing else may write to a log when the new primary is mirrored into it.
    // What was mirrored from there until now has no former writer but those that the switchover shut out.
    const diverged = new Set(divergedOf(move).map(({ sourceTopic }) => sourceTopic));
    const lost = kept.filter((topic) => !diverged.has(topic));
    const former = await closeFormer(await underWay(context, move), lost, signal);
    const change = { moveId: move.id, by, atMs: nowMs() };
    const next = restoredRoles(roles, { region: move.to, topics }, change);
    // Before they are set: afterwards nobody can tell any more which topics waited.
    await note({ restored: [...topics] });
    await setRolesAt(home, next);
    return { remark: `roles of generation ${next.generation}${formerClosedWords(former)}` };
  },
};

const rolesThere: Step = {
  name: 'rolesThere',
  title: () => 'tell the other regions',
  run: async ({ group, home, signal }) => {
    const untold = await setRolesElsewhere(group, home.name, group.roles()!, { patienceMs, signal });
    if (untold.size === 0) return { remark: 'all know' };
    const lines = [...untold].map(([region, why]) => `${region} could not be told (${why})`);
    return { remark: `${lines.join('; ')}; its agents learn it when they reach ${home.name}` };
  },
};

const copyStep: Step = {
  name: 'copy',
  title: ({ to, from }) => `copy from ${from} to ${to}`,
  limitMs: () => longMs,
  run: async (context, move) => {
    const ground = await underWay(context, move);
    const beganMs = performance.now();
    const tell = paced(context, describeCopy);
    const { partitions, bytes } = await untilCopied(ground, {
      ...{ topics: restoredOf(move), say: context.say, signal: context.signal },
      onProgress: tell,
    });
    await untilOpened(
      ground,
      foundOf(move).copied.map(({ topic }) => topic),
    );
    const tookMs = performance.now() - beganMs;
    return {
      remark: `${plural(partitions, 'partition')}, ${formatBytes(bytes)} there, in ${formatDuration(tookMs)}`,
    };
  },
};

const verifyCopies: Step = {
  name: 'verifyCopies',
  title: ({ to, from }) => `compare the ends of the logs at ${to} and ${from}`,
  limitMs: () => longMs,
  run: async (context, move) => {
    const ground = await underWay(context, move);
    const records = await verifyEnds(ground, restoredOf(move), context.signal);
    return { remark: `${plural(records, 'record')} compared, all equal` };
  },
};

/** In their order. */
export const restoreSteps: readonly Step[] = [
  ...[look, lossCompleted, saveStep, verifyStep, deleteStep],
  ...[beginStep, rolesHere, rolesThere, copyStep, verifyCopies],
];

/** Those of this restore. */
export function restoreStepsOf(move: MoveRecord): readonly Step[] {
  return divergedOf(move).length === 0 ? restoreSteps : [hold, ...restoreSteps];
}

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

/** The regions of a restore that has begun. */
async function underWay({ group }: MoveContext, move: MoveRecord): Promise<RestoreGround> {
  // A third region that is gone would hold up each step.
  if ([move.to, move.from].some((name) => group.regions.get(name)?.cluster === null)) await group.reopen();
  return groundBetween(group, {
    ...{ region: move.to, home: move.from, topics: [], diverged: divergedOf(move) },
  });
}

/** Says how far it is, not too often. */
function paced<Args extends readonly unknown[]>(
  { say }: MoveContext,
  words: (...args: Args) => string,
): (...args: Args) => void {
  let toldAtMs = performance.now();
  return (...args) => {
    if (performance.now() - toldAtMs < tellEveryMs) return;
    toldAtMs = performance.now();
    say(words(...args));
  };
}
