// Decisions about mirrors: they go on to the state that the table of their life gives (src/link/lifecycle.ts).
import {
  type Change,
  type CommandRecord,
  type FleetState,
  linkKey,
  type MirrorRecord,
  mirrorKey,
} from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { allowedEvents, type MirrorEvent, nextMirrorState } from '../../link/index.ts';
import {
  accepted,
  allMirrorsOf,
  asList,
  checkOurs,
  type Decision,
  type DecisionContext,
  linkOf,
  mirrorsOf,
  nameOf,
  refused,
  summary,
} from './decision.ts';

export function deleteMirrors(
  state: FleetState,
  command: CommandRecord,
  { nowMs }: DecisionContext,
): Decision {
  const { body } = command;
  if (body.do !== 'deleteMirrors') throw new LockstepError('INTERNAL', `not a deletion: ${body.do}`);
  const link = linkOf(state, body.link);
  const mirrors = namedMirrors(state, body.link, body.topics);
  const entries = new Map<string, object | null>();
  // A promoted one is closed already, and its topic is somebody's own.
  const open = mirrors.filter(({ state: at }) => at !== 'Promoted');
  for (const mirror of mirrors)
    entries.set(mirrorKey(mirror), open.includes(mirror) ? closing(mirror, command, nowMs, true) : null);
  // Filters would bring them back at the next look.
  const excluded = new Set(asList(link.config.excludeTopics));
  const isNew = mirrors.map(({ sourceTopic }) => sourceTopic).filter((topic) => !excluded.has(topic));
  if (isNew.length > 0) {
    const topics = asList(link.config.topics).filter((item) => !isNew.includes(item));
    const config = {
      ...link.config,
      // A link without any topic would not be valid; the exclusion wins anyway.
      topics: topics.length > 0 ? topics : asList(link.config.topics),
      excludeTopics: [...excluded, ...isNew],
    };
    entries.set(linkKey(link.name), { ...link, config, generation: link.generation + 1, changedAtMs: nowMs });
  }
  const changes = mirrors.map(deletion);
  return accepted(summary(changes), changes, entries, open.map(nameOf));
}

/** Pause, resume, promote: mirrors go on to the state that the table gives. */
export function move(
  state: FleetState,
  command: CommandRecord,
  event: MirrorEvent,
  { nowMs }: DecisionContext,
): Decision {
  const { body } = command;
  if (!('topics' in body)) throw new LockstepError('INTERNAL', `${body.do} names no topics`);
  const link = linkOf(state, body.link);
  const mirrors = namedMirrors(state, link.name, body.topics);
  const isPromotion = event === 'promote' || event === 'promoteNow';
  const entries = new Map<string, object | null>();
  const changes: Change[] = [];
  const awaited: string[] = [];
  const refusals: string[] = [];
  for (const mirror of mirrors) {
    checkOurs(state, mirrorKey(mirror));
    const filling = isPromotion ? fillingPartition(state, mirror) : null;
    if (filling !== null) {
      refusals.push(
        `mirror ${nameOf(mirror)}: the start of partition ${filling} is still being filled, and nobody may read it; wait for that, or delete the mirror`,
      );
      continue;
    }
    const target = nextMirrorState(mirror.state, event);
    if (target === undefined) {
      const isThere = doneStates[event]?.includes(mirror.state) ?? false;
      // Asked for all, those that are there already are no mistake.
      if (isThere && body.topics === null)
        changes.push({
          what: 'mirror',
          name: nameOf(mirror),
          action: 'none',
          details: [`is ${mirror.state}`],
        });
      else
        refusals.push(
          `mirror ${nameOf(mirror)} is ${mirror.state}; possible now: ${words(allowedEvents(mirror.state))}`,
        );
      continue;
    }
    const record: MirrorRecord = { ...mirror, state: target, sinceMs: nowMs, reason: null };
    entries.set(
      mirrorKey(mirror),
      !isPromotion
        ? withoutPromotion(record)
        : event === 'promoteNow'
          ? closing(mirror, command, nowMs, false)
          : { ...record, promotion: { ...promotionOf(command, nowMs), ...stoodStillOf(command, mirror) } },
    );
    changes.push({
      what: 'mirror',
      name: nameOf(mirror),
      action: isPromotion ? 'promote' : event === 'pause' ? 'pause' : 'resume',
      details: [`${mirror.state} -> ${target}`],
    });
    if (isPromotion) awaited.push(nameOf(mirror));
  }
  if (refusals.length > 0) return refused('USAGE', refusals.join('; '));
  return accepted(summary(changes), changes, entries, awaited);
}

/** A partition that holds what nobody is to see; null: none does. */
function fillingPartition(
  state: FleetState,
  { link, sourceTopic, partitionCount }: MirrorRecord,
): number | null {
  for (let partition = 0; partition < partitionCount; partition++) {
    const status = state.statuses.get(`${link}/${sourceTopic}/${partition}`);
    if (status?.state === 'FillingStart' || status?.state === 'CuttingStart') return partition;
  }
  return null;
}

/** States in which what an event asks for is the case already, or on its way. */
const doneStates: Partial<Record<MirrorEvent, readonly string[]>> = {
  pause: ['Paused', 'Promoted', 'Closing'],
  resume: ['Mirroring', 'Draining', 'Promoted', 'Closing'],
  promote: ['Promoted', 'Closing', 'Draining', 'Paused'],
  promoteNow: ['Promoted', 'Closing'],
};

const eventWords: Partial<Record<MirrorEvent, string>> = {
  pause: 'pause',
  resume: 'resume',
  promote: 'promote',
  promoteNow: 'promote --now',
};

function words(events: readonly MirrorEvent[]): string {
  const known = events.map((event) => eventWords[event]).filter((word) => word !== undefined);
  return known.length === 0 ? 'nothing but delete' : known.join(', ');
}

export function closing(
  mirror: MirrorRecord,
  command: CommandRecord,
  nowMs: number,
  isForgotten: boolean,
): MirrorRecord {
  return {
    ...mirror,
    state: 'Closing',
    sinceMs: nowMs,
    reason: null,
    promotion: { ...promotionOf(command, nowMs), kind: 'now', ...(isForgotten && { isForgotten }) },
  };
}

function promotionOf({ id, body }: CommandRecord, nowMs: number): NonNullable<MirrorRecord['promotion']> {
  const timeoutMs = body.do === 'promoteMirrors' ? body.timeoutMs : 0;
  const kind = body.do === 'promoteMirrors' && !body.isNow ? 'planned' : 'now';
  return { commandId: id, kind, requestedAtMs: nowMs, deadlineMs: nowMs + timeoutMs };
}

function stoodStillOf({ body }: CommandRecord, { sourceTopic }: MirrorRecord) {
  const all = body.do === 'promoteMirrors' ? (body.stoodStill ?? {}) : {};
  return Object.hasOwn(all, sourceTopic) ? { stoodStill: all[sourceTopic]! } : {};
}

function withoutPromotion({ promotion: _, ...mirror }: MirrorRecord): MirrorRecord {
  return mirror;
}

function namedMirrors(state: FleetState, link: string, topics: readonly string[] | null): MirrorRecord[] {
  if (topics === null) return allMirrorsOf(state, link);
  const all = mirrorsOf(state, link);
  return topics.map((topic) => {
    const mirror = all.find(({ sourceTopic }) => sourceTopic === topic);
    if (mirror !== undefined) return mirror;
    const hint = all.find(({ mirrorTopic }) => mirrorTopic === topic);
    throw new LockstepError(
      'USAGE',
      hint === undefined
        ? `link ${link} has no mirror of topic ${topic}`
        : `link ${link}: ${topic} is a mirror's name; name the source topic, which is ${hint.sourceTopic}`,
    );
  });
}

export function deletion(mirror: MirrorRecord): Change {
  return {
    what: 'mirror',
    name: nameOf(mirror),
    action: 'delete',
    details: [`topic ${mirror.mirrorTopic} stays`],
  };
}
