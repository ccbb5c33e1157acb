// Step 9 of a switchover: the former primary mirrors the new one, from the very offset. Then nobody needs to be denied by us.
import type { MoveRecord } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { hasEnded } from '../../mirror/index.ts';
import { plural } from '../../units.ts';
import { endsOf } from '../ends.ts';
import { linksBetween, mirrorsOfLinks, movedMirrors, nameList, reached } from '../moved.ts';
import type { MoveContext, OpenRegion, Step } from '../types.ts';
import { waitUntil } from '../wait-until.ts';
import { denialsOf, removeDenials } from './denials.ts';

const reverseMsMax = 120_000;

export const reverse: Step = {
  name: 'reverse',
  title: ({ from, to }) => `wait until ${from} mirrors ${to}`,
  limitMs: () => reverseMsMax + 10_000,
  run: async (context, move) => {
    const { group, home, signal, say } = context;
    if (group.regions.get(move.from)?.cluster === null) await group.reopen();
    const from = reached(group, move.from);
    const partitions = movedMirrors(group, home, move).flatMap(({ mirrorTopic, partitionCount }) =>
      Array.from({ length: partitionCount }, (_none, partition) => ({ topic: mirrorTopic, partition })),
    );
    // What is written from now on comes behind this, and is nobody's lag.
    const wanted = await endsOf(home.cluster, partitions);
    let waitsFor = '';
    const runs = async (): Promise<boolean> => {
      waitsFor = notMirroring(context, move, from);
      if (waitsFor !== '') return false;
      const ends = await endsOf(from.cluster, partitions);
      const behind = [...wanted].filter(
        ([name, { highWatermark }]) => ends.get(name)!.logEnd < highWatermark,
      );
      waitsFor =
        behind.length === 0
          ? ''
          : `behind on ${nameList(
              behind.map(([name]) => name),
              5,
            )}`;
      return behind.length === 0;
    };
    const options = { patienceMs: reverseMsMax, everyMs: 100, signal, say, waitsFor: () => waitsFor };
    if (!(await waitUntil(runs, options)))
      throw new LockstepError('REQUEST_TIMED_OUT', `${move.from}: ${waitsFor}`);
    const count = plural(partitions.length, 'partition');
    return { remark: `${count} mirrored, lag 0${await handOver(context, move, from)}` };
  },
};

/** Why the reverse mirrors do not run yet; empty: they do. @throws LockstepError where one has ended */
function notMirroring({ group }: MoveContext, move: MoveRecord, from: OpenRegion): string {
  const links = linksBetween(group, move.to, move.from);
  const mirrors = new Map(mirrorsOfLinks(from, links).map((mirror) => [mirror.sourceTopic, mirror]));
  const topics = movedMirrors(group, group.regions.get(move.to)!, move).map(({ mirrorTopic }) => mirrorTopic);
  const missing = topics.filter((topic) => mirrors.get(topic)?.state !== 'Mirroring');
  for (const topic of topics) {
    const mirror = mirrors.get(topic);
    for (let partition = 0; partition < (mirror?.partitionCount ?? 0); partition++) {
      const status = from.state?.statuses.get(`${mirror!.link}/${topic}/${partition}`);
      if (status === undefined || mirror!.state !== 'Mirroring' || status.atMs < mirror!.sinceMs) continue;
      if (hasEnded(status.state) && status.state !== 'Stopped')
        throw new LockstepError(
          'KAFKA_ERROR',
          `${topic}-${partition} at ${from.name} is ${status.state}: ${status.reason ?? ''}`,
        );
    }
  }
  return missing.length === 0 ? '' : `no mirrors yet of ${nameList(missing, 5)}`;
}

/** The denials of this move end: the keeper of the reverse link withholds writes from now on, where it was told to. */
async function handOver({ group, note }: MoveContext, move: MoveRecord, from: OpenRegion): Promise<string> {
  const denials = denialsOf(move);
  if (denials.length === 0) return '';
  const links = linksBetween(group, move.to, move.from);
  const { removedCount, keptCount } = await removeDenials(
    from,
    denials,
    links.map(({ name }) => name),
  );
  await note({ denials: [] });
  const withheld = links.some(({ sync }) => sync.acls?.withholdWrites === true);
  const kept = keptCount > 0 ? `, ${keptCount} handed over to the link` : '';
  const warning = withheld
    ? ''
    : `; NOBODY keeps producers from writing at ${from.name} now (sync.acls of ${nameList(links.map(({ name }) => name))})`;
  return `; ${plural(removedCount, 'denial')} taken away${kept}${warning}`;
}
