// What makes a failover unsafe, each with a remedy. Pure; the gravest first.
import { formatCount, formatDuration, plural } from '../../units.ts';
import type { FailoverOutlook, GroupStanding, LinkStanding, Problem } from './types.ts';

/** A source that was not heard for so long may have written much that nobody knows of, ms. */
const heardAgoMsMax = 30_000;
/** A mirror that is further behind is no stand-in, ms. */
const behindMsMax = 60_000;
/** Of partitions or topics with the same trouble. */
const namedMax = 3;

type Seen = Omit<GroupStanding, 'problems'>;

export function problemsOf(seen: Seen, file: string): Problem[] {
  return [
    ...splitBrains(seen, file),
    ...roles(seen, file),
    ...moves(seen, file),
    ...regions(seen, file),
    ...seen.links.flatMap((link) => links(link, seen, file)),
  ];
}

function splitBrains({ splitBrains: all }: Seen, file: string): Problem[] {
  return all.map(({ topic, region, primary, grewBy, overMs }) => ({
    what: `SPLIT BRAIN: ${topic} grows at ${region} (${plural(grewBy, 'record')} in ${formatDuration(overMs)}), although ${primary} is primary for it: clients write to both sides, and what they write to ${region} reaches nobody at ${primary}`,
    remedy: `stop the clients that know ${region}, or point them to ${primary}; lockstep restore ${region} ${file} keeps what they wrote`,
  }));
}

function roles({ roles: newest, regions: all, group }: Seen, file: string): Problem[] {
  if (newest === null)
    return [
      {
        what: `no region that answers knows the roles of ${group}`,
        remedy: `start agents with the file: lockstep run ${file}`,
      },
    ];
  return all.flatMap((region) => {
    const { name, gone, rolesGeneration, isPrimary, contradictions } = region;
    if (contradictions.length > 0)
      return [
        {
          what: `SPLIT ROLES: ${name} was turned apart from the others (generation ${rolesGeneration}; told here is ${newest.generation}): ${contradictions.join('; ')}. Clients may write to both sides`,
          remedy: `decide who is primary: docs/failover.md, "split brain"`,
        },
      ];
    if (gone !== null || rolesGeneration === newest.generation) return [];
    const has =
      rolesGeneration === null
        ? 'has no roles yet'
        : `has roles of generation ${rolesGeneration}, ${newest.generation} is true${isPrimary ? '' : `: it does not know that ${newest.primary.region} is primary`}`;
    return [
      {
        what: `${name} ${has}`,
        remedy: `its agents take them over as soon as they run: lockstep run ${file}`,
      },
    ];
  });
}

function moves({ moves: running }: Seen, file: string): Problem[] {
  return running.map(({ kind, id, from, to, step, by }) => ({
    what: `a ${kind} from ${from} to ${to} by ${by} is at step ${step} (${id})`,
    remedy:
      kind === 'restore'
        ? `wait for it, or go on with it: lockstep restore ${to} ${file}`
        : `wait for it, or go on with it: lockstep ${kind} ${file} --to ${to}`,
  }));
}

function regions(seen: Seen, file: string): Problem[] {
  const { regions: all, roles: newest, failovers } = seen;
  return all.flatMap(({ name, gone, isPrimary, livingAgents, awaitsRestore }): Problem[] => {
    const found: Problem[] = [];
    if (gone !== null && isPrimary) {
      const best = leastLoss(failovers);
      found.push({
        what: `${name}, which is primary, does not answer: ${gone}`,
        remedy: `bring it back, or move its work: lockstep failover ${file} --to ${best?.to ?? 'REGION'}`,
      });
    } else if (gone !== null)
      found.push({
        what: `${name} does not answer, so nothing can fail over to it: ${gone}`,
        remedy: `bring it back; lockstep doctor ${file} says what it lacks`,
      });
    if (livingAgents === 0 && newest !== null && isMirroredInto(name, seen))
      found.push({
        what: `no agent lives at ${name}: nothing is copied, and nobody there could carry out a failover`,
        remedy: `start one: lockstep run ${file}`,
      });
    if (awaitsRestore.length > 0)
      found.push({
        what: `${plural(awaitsRestore.length, 'topic')} of ${name} ${awaitsRestore.length === 1 ? 'awaits' : 'await'} a restore (${some(awaitsRestore)}): nothing is copied there until then`,
        remedy: `lockstep restore ${name} ${file}`,
      });
    return found;
  });
}

/** Where least is lost, of those that can be failed over to. */
function leastLoss(failovers: Seen['failovers']): FailoverOutlook | undefined {
  return failovers
    .filter(({ blocked }) => blocked === null)
    .toSorted(
      ({ loss: one }, { loss: other }) =>
        one.unseenCount - other.unseenCount || Number(one.recordsMin - other.recordsMin),
    )[0];
}

/** Whether anything is to be copied there, be it primary for the rest. */
function isMirroredInto(name: string, { regions: all, links: own }: Seen): boolean {
  const isPrimary = all.some((region) => region.name === name && region.isPrimary);
  return !isPrimary || own.some(({ destination, direction }) => destination === name && direction === 'both');
}

function links(link: LinkStanding, seen: Seen, file: string): Problem[] {
  const { name, destination, source, direction, isThere } = link;
  // The way back is told of each failover; it makes none unsafe.
  if (direction === 'standby' || isThere === null) return [];
  if (!isThere)
    return [
      { what: `link ${name} is not there at ${destination}`, remedy: `create it: lockstep run ${file}` },
    ];
  const isSourceGone = seen.regions.find((region) => region.name === source)?.gone != null;
  const found: Problem[] = conditionProblems(link, file);
  const at = `--file ${file} --cluster ${destination}`;
  const describe = `lockstep mirrors describe ${at} --link ${name}`;
  if (link.ended.length > 0)
    found.push({
      what: `link ${name}: ${some(link.ended)}: what they lack would be lost`,
      remedy:
        link.diverged.length > 0
          ? restoreWords(link, file)
          : `${describe} says why, and docs/states.md what to do`,
    });
  const stopped = Object.entries(link.mirrors).filter(([state]) => state === 'Paused');
  for (const [state, count] of stopped)
    found.push({
      what: `link ${name}: ${plural(count, 'mirror')} ${count === 1 ? 'is' : 'are'} ${state}`,
      remedy: `lockstep mirrors resume ${at} --link ${name} --all`,
    });
  const { Promoted: promotedCount = 0 } = link.mirrors;
  if (promotedCount > 0 && seen.moves.length === 0)
    found.push({
      what: `link ${name}: ${plural(promotedCount, 'mirror')} ${promotedCount === 1 ? 'was' : 'were'} promoted by hand, and ${promotedCount === 1 ? 'is' : 'are'} not copied any more`,
      remedy: `a failover takes them as they are, with what was written to them since; docs/states.md says how to mirror them again`,
    });
  const awaits = seen.regions.find((region) => region.name === destination)?.awaitsRestore ?? [];
  if (link.partitionCount === 0 && direction === 'copies' && awaits.length === 0)
    found.push({
      what: `link ${name} mirrors nothing yet`,
      remedy: `look at its topics: lockstep links describe ${name} ${at}`,
    });
  if (isSourceGone) return found;
  if (link.behindMs !== null && link.behindMs > behindMsMax)
    found.push({
      what: `link ${name} is ${formatDuration(link.behindMs)} behind (${plural(link.lagRecords ?? 0n, 'record')})`,
      remedy: `let it catch up; ${describe} shows where it is held up`,
    });
  const { heardAgoMs, unseenCount } = link.loss;
  if (unseenCount > 0)
    found.push({
      what: `link ${name}: nobody knows where ${plural(unseenCount, 'partition')} of ${source} ${unseenCount === 1 ? 'ends' : 'end'}, so what a failover loses of them is unknown`,
      remedy: describe,
    });
  else if (heardAgoMs !== null && heardAgoMs > heardAgoMsMax)
    found.push({
      what: `link ${name} has not heard ${source} for ${formatDuration(heardAgoMs)}`,
      remedy: `look at the agents' connection: lockstep doctor ${file}`,
    });
  return found;
}

/** All of them: the command is to be pasted. */
function restoreWords({ destination, diverged }: LinkStanding, file: string): string {
  return `stop whoever writes to ${diverged.length === 1 ? 'it' : 'them'} at ${destination}; then lockstep restore ${destination} ${file} --topics ${diverged.join(',')} keeps what only ${destination} has, and copies the rest again`;
}

/** The same condition of many topics is one line. */
function conditionProblems({ name, conditions }: LinkStanding, file: string): Problem[] {
  return [...Map.groupBy(conditions, ({ state, topic }) => `${state} ${topic === null}`).values()].map(
    (same) => {
      const [{ state, reason, topic }] = same as [(typeof same)[number], ...typeof same];
      const topics = same.map((each) => each.topic!);
      return {
        what: `link ${name}${topic === null ? '' : `: ${some(topics)}`} is ${state}: ${reason}`,
        remedy:
          state === 'SplitRoles'
            ? 'two regions contradict each other about the roles: docs/failover.md, "split roles"'
            : state === 'Forbidden'
              ? `no other region has it to stand in, as the rule says; lockstep audit ${file} shows where it is`
              : `docs/states.md explains ${state}; lockstep doctor ${file} looks for its cause`,
      };
    },
  );
}

/** `a, b, c and 4 more`. */
export function some(names: readonly string[]): string {
  const more = names.length - namedMax;
  const shown = names.slice(0, namedMax).join(', ');
  return more > 0 ? `${shown} and ${formatCount(more)} more` : shown;
}
