// What the leader does about a command: a pure decision from the fleet's state. It says what would change and which
// records carry it; a dry run stops there. Commands are taken one by one in the order of the log, so of two people
// who ask for the same thing the second is told what the first has done.
import {
  type Change,
  type CommandRecord,
  type FleetState,
  type LinkDeclaration,
  type LinkRecord,
  linkKey,
  type MirrorRecord,
  mirrorKey,
  recordVersion,
} from '../../control/index.ts';
import { type ErrorCode, LockstepError } from '../../errors.ts';
import { allowedEvents, type MirrorEvent, nextMirrorState } from '../../link/index.ts';
import { type LinkConfig, matchesTopic } from '../../topology/index.ts';
import { formatDuration, plural } from '../../units.ts';
import { changedKeys } from './link-changes.ts';

export type Decision =
  | {
      readonly kind: 'accepted';
      readonly message: string;
      readonly changes: readonly Change[];
      readonly entries: ReadonlyMap<string, object | null>;
      /** The answer follows when these mirrors are promoted or gone. */
      readonly awaits?: readonly string[];
    }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string };

export interface DecisionContext {
  readonly nowMs: number;
  /** When the command arrived here, by the clock of `nowMs`; undefined for one that stood in the topic before us. */
  readonly heardAtMs?: number | undefined;
  /** The declaration with its defaults; throws LockstepError CONFIG_INVALID naming every fault. */
  resolve(declaration: LinkDeclaration): LinkConfig;
  /** Faults between links: throws as `resolve`. */
  checkTogether(links: readonly LinkDeclaration[]): void;
}

/** Never throws for what a person may ask. */
export function decide(state: FleetState, command: CommandRecord, context: DecisionContext): Decision {
  const lateMs = context.nowMs - deadlineMsOf(command, context.heardAtMs);
  if (lateMs > 0) {
    return refused(
      'USAGE',
      `the command came ${formatDuration(lateMs)} after its deadline and was not carried out`,
    );
  }
  try {
    return decideBody(state, command, context);
  } catch (error) {
    if (error instanceof LockstepError) return refused(error.code, error.message);
    throw error;
  }
}

/** By our clock where we can tell: that of the machine which wrote it may be an hour away. */
function deadlineMsOf({ atMs, deadlineMs }: CommandRecord, heardAtMs: number | undefined): number {
  return heardAtMs === undefined ? deadlineMs : heardAtMs + (deadlineMs - atMs);
}

function decideBody(state: FleetState, command: CommandRecord, context: DecisionContext): Decision {
  const { body } = command;
  switch (body.do) {
    case 'createLink': {
      if (state.links.has(body.link.name) && state.links.get(body.link.name)!.isDeleted !== true)
        return refused(
          'USAGE',
          `link ${body.link.name} exists already; change it with: lockstep links alter`,
        );
      return apply(state, [body.link], context);
    }
    case 'applyLinks':
      return apply(state, body.links, context);
    case 'alterLink': {
      const link = linkOf(state, body.link);
      if (body.ifGeneration !== undefined && body.ifGeneration !== link.generation) {
        return refused(
          'USAGE',
          `link ${link.name} has generation ${link.generation}, not ${body.ifGeneration}: somebody changed it meanwhile`,
        );
      }
      const config: Record<string, unknown> = { ...link.config };
      for (const [key, value] of Object.entries(body.changes)) {
        if (value === null) delete config[key];
        else config[key] = value;
      }
      const { name, destination } = link;
      return apply(state, [{ name, destination, source: body.source ?? link.source, config }], context);
    }
    case 'deleteLink':
      return deleteLink(state, command, context);
    case 'createMirrors':
      return createMirrors(state, body.link, body.topics, context);
    case 'pauseMirrors':
      return move(state, command, 'pause', context);
    case 'resumeMirrors':
      return move(state, command, 'resume', context);
    case 'promoteMirrors':
      return move(state, command, body.isNow ? 'promoteNow' : 'promote', context);
    case 'deleteMirrors':
      return deleteMirrors(state, command, context);
  }
  // A newer command line may ask for what we have never heard of.
  const { do: unknown } = body as { do: string };
  return refused(
    'UNSUPPORTED_VERSION',
    `the agent that leads the fleet does not know the command ${unknown}; it may be older than the command line`,
  );
}

/** Creates or alters links until they are as declared. */
function apply(
  state: FleetState,
  declarations: readonly LinkDeclaration[],
  context: DecisionContext,
): Decision {
  const others = [...state.links.values()].filter(
    ({ name }) => !declarations.some((declared) => declared.name === name),
  );
  const configs = declarations.map((declaration) => context.resolve(declaration));
  context.checkTogether([...others, ...declarations]);
  const entries = new Map<string, object | null>();
  const changes: Change[] = [];
  for (const [index, declaration] of declarations.entries()) {
    const key = linkKey(declaration.name);
    checkOurs(state, key);
    const before = state.links.get(declaration.name);
    if (before?.isDeleted === true) throw beingDeleted(declaration.name);
    const details = before === undefined ? [] : changedKeys(before, declaration);
    if (before !== undefined) checkChange(state, before, configs[index]!, context);
    if (before !== undefined && details.length === 0) {
      changes.push({
        what: 'link',
        name: declaration.name,
        action: 'none',
        details: ['as declared already'],
      });
      continue;
    }
    const isSameSource = before !== undefined && before.source.name === declaration.source.name;
    // What another Lockstep has added to the record stays.
    const { sourceClusterId: _, ...kept } = before ?? {};
    const record: LinkRecord = {
      ...kept,
      v: recordVersion,
      name: declaration.name,
      source: declaration.source,
      ...(isSameSource &&
        before.sourceClusterId !== undefined && { sourceClusterId: before.sourceClusterId }),
      destination: declaration.destination,
      config: declaration.config,
      generation: (before?.generation ?? 0) + 1,
      createdAtMs: before?.createdAtMs ?? context.nowMs,
      changedAtMs: context.nowMs,
    };
    entries.set(key, record);
    changes.push({
      what: 'link',
      name: declaration.name,
      action: before === undefined ? 'create' : 'alter',
      details,
    });
  }
  return accepted(summary(changes), changes, entries);
}

/** What can't be changed while there are mirrors: their names and offsets follow from it. */
function checkChange(
  state: FleetState,
  before: LinkRecord,
  after: LinkConfig,
  context: DecisionContext,
): void {
  const mirrors = mirrorsOf(state, before.name);
  if (mirrors.length === 0) return;
  const config = context.resolve(before);
  for (const key of ['prefix', 'start'] as const) {
    if (config[key] === after[key]) continue;
    throw new LockstepError(
      'USAGE',
      `link ${before.name}: ${key} can't be changed while there are mirrors (${mirrors.length}); delete them first, or create another link`,
    );
  }
}

function createMirrors(
  state: FleetState,
  name: string,
  topics: readonly string[],
  context: DecisionContext,
): Decision {
  const link = linkOf(state, name);
  const listed = asList(link.config.topics);
  const excluded = asList(link.config.excludeTopics);
  const wanted = topics.filter((topic) => !state.mirrors.has(`${name}/${topic}`));
  const changes: Change[] = topics.map((topic) =>
    wanted.includes(topic)
      ? { what: 'mirror', name: `${name}/${topic}`, action: 'create', details: [] }
      : { what: 'mirror', name: `${name}/${topic}`, action: 'none', details: ['exists already'] },
  );
  if (wanted.length === 0) return accepted(summary(changes), changes, new Map());
  const isWanted = (item: string): boolean =>
    wanted.some((topic) => item === topic || item === `literal:${topic}`);
  const config = {
    ...link.config,
    topics: [...listed, ...wanted.filter((topic) => !listed.includes(topic))],
    excludeTopics: excluded.filter((item) => !isWanted(item)),
  };
  const resolved = context.resolve({ ...link, config });
  const excluding = wanted.filter((topic) => !matchesTopic(resolved, topic));
  if (excluding.length > 0)
    return refused(
      'USAGE',
      `link ${name}: its excludeTopics leave out ${excluding.join(', ')}; change them with: lockstep links alter`,
    );
  const decision = apply(state, [{ ...link, config }], context);
  return decision.kind === 'refused' ? decision : accepted(summary(changes), changes, decision.entries);
}

function deleteLink(state: FleetState, command: CommandRecord, { nowMs }: DecisionContext): Decision {
  const { body } = command;
  if (body.do !== 'deleteLink') throw new LockstepError('INTERNAL', `not a deletion: ${body.do}`);
  const link = linkOf(state, body.link);
  const mirrors = allMirrorsOf(state, link.name);
  const open = mirrors.filter((mirror) => mirror.state !== 'Promoted');
  if (open.length > 0 && !body.withMirrors) {
    return refused(
      'USAGE',
      `link ${link.name} has ${plural(open.length, 'mirror')} that ${open.length === 1 ? 'is' : 'are'} not promoted; promote them, ` +
        'or delete them too with --with-mirrors (their topics stay)',
    );
  }
  const entries = new Map<string, object | null>();
  const changes: Change[] = [{ what: 'link', name: link.name, action: 'delete', details: [] }];
  for (const mirror of open) {
    entries.set(mirrorKey(mirror), closing(mirror, command, nowMs, true));
    changes.push(deletion(mirror));
  }
  // The link is gone when its last mirror is: until then its agents need to know it.
  entries.set(linkKey(link.name), {
    ...link,
    isDeleted: true,
    generation: link.generation + 1,
    changedAtMs: nowMs,
  });
  return accepted(summary(changes), changes, entries, open.map(nameOf));
}

function deleteMirrors(state: FleetState, command: CommandRecord, { nowMs }: DecisionContext): Decision {
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
function move(
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
          : { ...record, promotion: promotionOf(command, nowMs) },
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

function closing(
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

function withoutPromotion({ promotion: _, ...mirror }: MirrorRecord): MirrorRecord {
  return mirror;
}

function linkOf(state: FleetState, name: string): LinkRecord {
  const link = state.links.get(name);
  checkOurs(state, linkKey(name));
  if (link?.isDeleted === true) throw beingDeleted(name);
  if (link !== undefined) return link;
  const names = [...state.links.keys()].join(', ');
  throw new LockstepError(
    'USAGE',
    `there is no link ${name}; ${names === '' ? 'there is none yet' : `there are: ${names}`}`,
  );
}

function beingDeleted(name: string): LockstepError {
  return new LockstepError('USAGE', `link ${name} is being deleted; declare it again when it is gone`);
}

function mirrorsOf(state: FleetState, link: string): MirrorRecord[] {
  return [...state.mirrors.values()].filter((mirror) => mirror.link === link);
}

/** @throws LockstepError where there are mirrors that this version can't read: "all" would be said of some. */
function allMirrorsOf(state: FleetState, link: string): MirrorRecord[] {
  const prefix = mirrorKey({ link, sourceTopic: '' });
  for (const key of state.foreign.keys()) if (key.startsWith(prefix)) checkOurs(state, key);
  return mirrorsOf(state, link);
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

/** Values of a newer Lockstep are not ours to write. */
function checkOurs(state: FleetState, key: string): void {
  const version = state.foreign.get(key);
  if (version === undefined) return;
  throw new LockstepError(
    'UNSUPPORTED_VERSION',
    `${key} was written by a newer Lockstep (version ${version} of its shape, ours is ${recordVersion}); use that one, or wait until the whole fleet runs it`,
  );
}

function deletion(mirror: MirrorRecord): Change {
  return {
    what: 'mirror',
    name: nameOf(mirror),
    action: 'delete',
    details: [`topic ${mirror.mirrorTopic} stays`],
  };
}

function nameOf({ link, sourceTopic }: MirrorRecord): string {
  return `${link}/${sourceTopic}`;
}

function asList(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function summary(changes: readonly Change[]): string {
  const done = changes.filter(({ action }) => action !== 'none').length;
  return done === 0 ? 'nothing to change' : plural(done, 'change');
}

function accepted(
  message: string,
  changes: readonly Change[],
  entries: ReadonlyMap<string, object | null>,
  awaits: readonly string[] = [],
): Decision {
  return { kind: 'accepted', message, changes, entries, ...(awaits.length > 0 && { awaits }) };
}

function refused(code: ErrorCode, message: string): Decision {
  return { kind: 'refused', code, message };
}
