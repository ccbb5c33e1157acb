// Decisions about the roles of a replication group: a file declares them once, and moves change them.
import {
  type Change,
  type CommandRecord,
  type FleetState,
  historyAfter,
  type MirrorRecord,
  mirrorKey,
  primariesUntil,
  primaryOf,
  type RolesDeclaration,
  type RolesRecord,
  recordVersion,
  roleChanges,
  roleOf,
  rolesKey,
  rolesOfLink,
  saySame,
  union,
} from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { nextMirrorState } from '../../link/index.ts';
import {
  accepted,
  checkOurs,
  type Decision,
  type DecisionContext,
  nameOf,
  refused,
  summary,
} from './decision.ts';

/**
 * Whether a file may declare this. Asked before an agent joins its fleet, too: one that is started again and again with
 * yesterday's file must not move partitions about each time.
 * @throws LockstepError CONFIG_INVALID with the lines to write where it contradicts the roles that stand.
 */
export function checkDeclaration(state: FleetState, declared: RolesDeclaration): void {
  const { group, links } = declared;
  checkOurs(state, rolesKey(group));
  checkLinks(state, group, links);
  const roles = state.roles.get(group);
  const contradictions = roles === undefined ? [] : contradictionsOf(roles, declared);
  if (contradictions.length > 0)
    throw new LockstepError('CONFIG_INVALID', refusal(state, roles!, declared, contradictions));
}

/** The first file makes the roles; later ones may add regions and links, and must agree with who is primary. */
export function declareRoles(
  state: FleetState,
  declared: RolesDeclaration,
  { by }: CommandRecord,
  { nowMs }: DecisionContext,
): Decision {
  checkDeclaration(state, declared);
  const { group } = declared;
  const before = state.roles.get(group);
  if (before === undefined) {
    const since = (region: string) => ({ region, sinceGeneration: 1 });
    const roles: RolesRecord = {
      ...{ v: recordVersion, group, generation: 1, regions: declared.regions, links: declared.links },
      primary: since(declared.primary),
      topics: Object.fromEntries(
        Object.entries(declared.topics).map(([topic, region]) => [topic, since(region)]),
      ),
      ...{ awaitsRestore: {}, changedBy: 'declared', moveId: null, by, atMs: nowMs },
    };
    return written(roles, 'create', [`primary: ${declared.primary}`, ...otherPrimaries(declared)]);
  }
  // None is taken away: a link that is in no group would copy whatever its roles were.
  const regions = union(before.regions, declared.regions);
  const links = union(before.links, declared.links);
  const details = [
    ...regions.slice(before.regions.length).map((region) => `region ${region} is new`),
    ...links.slice(before.links.length).map((link) => `link ${link} is new`),
  ];
  if (details.length === 0) return unchanged(before, 'as declared already');
  const generation = before.generation + 1;
  const formerPrimaries = primariesUntil(before);
  return written(
    { ...before, regions, links, generation, formerPrimaries, by, atMs: nowMs },
    'alter',
    details,
  );
}

/** Takes over roles that a move, or another region, has made. */
export function setRoles(
  state: FleetState,
  roles: RolesRecord,
  { ifGeneration, nowMs }: { readonly ifGeneration: number; readonly nowMs: number },
): Decision {
  const { group, generation } = roles;
  checkOurs(state, rolesKey(group));
  checkLinks(state, group, roles.links);
  const before = state.roles.get(group);
  // Somebody was faster with the very same: a step that is done again, or a leader that follows another region.
  if (before?.generation === generation && before.moveId === roles.moveId && saySame(before, roles))
    return unchanged(before, 'is so already');
  const standing = before?.generation ?? 0;
  if (standing !== ifGeneration)
    return refused(
      'USAGE',
      `the roles of group ${group} have generation ${standing} here, not ${ifGeneration}: somebody changed them meanwhile`,
    );
  if (generation <= standing)
    return refused(
      'USAGE',
      `roles of group ${group} with generation ${generation} are not newer than those that stand here (${standing})`,
    );
  const stranger = [roles.primary, ...Object.values(roles.topics)].find(
    ({ region }) => !roles.regions.includes(region),
  );
  if (stranger !== undefined)
    return refused('USAGE', `${stranger.region} is no region of group ${group}: ${roles.regions.join(', ')}`);
  const after: RolesRecord = {
    ...roles,
    v: recordVersion,
    regions: union(roles.regions, before?.regions ?? []),
    links: union(roles.links, before?.links ?? []),
    history: historyAfter(before, roles),
    formerPrimaries: union(
      before === undefined ? [] : primariesUntil(before),
      roles.formerPrimaries ?? [],
    ).sort(),
  };
  const details = before === undefined ? [`primary: ${roles.primary.region}`] : roleChanges(before, after);
  const decision = written(after, before === undefined ? 'create' : 'alter', details);
  const ended = endedMirrors(state, after, nowMs);
  return accepted(
    decision.message,
    [
      ...decision.changes,
      ...ended.map(
        ({ mirror, why }): Change => ({
          ...{ what: 'mirror', name: nameOf(mirror), action: 'alter' },
          details: [`${mirror.state} -> ${why}`],
        }),
      ),
    ],
    new Map<string, object | null>([
      ...decision.entries,
      ...ended.map(({ mirror, next }) => [mirrorKey(mirror), next] as const),
    ]),
  );
}

interface EndedMirror {
  readonly mirror: MirrorRecord;
  /** Null: it is forgotten, and met anew where it is copied again. */
  readonly next: MirrorRecord | null;
  readonly why: string;
}

/**
 * Mirrors whose life ends with these roles: those that were promoted and are copied again from now on, those of a
 * region that is primary neither before nor after and gets the topic from another one now, those that a move into
 * this region has not promoted, since they came when it had begun, and those that are to be restored: another topic
 * may stand there afterwards.
 */
function endedMirrors(state: FleetState, after: RolesRecord, nowMs: number): EndedMirror[] {
  const next = new Map(state.roles).set(after.group, after);
  return [...state.mirrors.values()].flatMap((mirror): EndedMirror[] => {
    const link = state.links.get(mirror.link);
    if (link === undefined || !after.links.includes(link.name) || state.foreign.has(mirrorKey(mirror)))
      return [];
    const former = roleOf(state.roles, link, mirror.sourceTopic);
    const role = roleOf(next, link, mirror.sourceTopic);
    if (role.kind === 'standby' && role.primary !== link.destination)
      return [{ mirror, next: null, why: `copied from ${role.primary}` }];
    if (role.kind === 'standby' && former.kind !== 'standby') {
      const closing = closedByRoles(mirror, after, nowMs);
      return closing === null ? [] : [{ mirror, next: closing, why: closing.state }];
    }
    const turns = `${former.kind} ${role.kind}`;
    const isRestored = turns === 'copies awaitsRestore' || turns === 'awaitsRestore copies';
    if (isRestored && isAsMirrored(mirror)) return [{ mirror, next: null, why: 'to be restored' }];
    if (mirror.state !== 'Promoted' || role.kind !== 'copies') return [];
    // Promoted by hand, and its direction has not turned.
    const incarnation = former.kind === 'copies' ? former.incarnation : former.kind === 'free' ? 0 : null;
    return incarnation === role.incarnation ? [] : [{ mirror, next: null, why: 'copied again' }];
  });
}

/** Neither promoted nor on the way to it: nobody waits for what becomes of it. */
function isAsMirrored({ state }: MirrorRecord): boolean {
  return state === 'Mirroring' || state === 'Paused';
}

/** As by a promotion at once; null where that is under way, or done. */
function closedByRoles(
  mirror: MirrorRecord,
  { group, generation, moveId }: RolesRecord,
  nowMs: number,
): MirrorRecord | null {
  const state = nextMirrorState(mirror.state, 'promoteNow');
  if (state === undefined) return null;
  const commandId = moveId ?? `${group}-${generation}`;
  const promotion = { commandId, kind: 'now', requestedAtMs: nowMs, deadlineMs: nowMs } as const;
  return { ...mirror, state, sinceMs: nowMs, reason: null, promotion };
}

/** @throws LockstepError CONFIG_INVALID for a link whose direction another group says. */
function checkLinks(state: FleetState, group: string, links: readonly string[]): void {
  for (const link of links) {
    const other = rolesOfLink(state.roles, link);
    if (other !== undefined && other.group !== group)
      throw new LockstepError(
        'CONFIG_INVALID',
        `link ${link} belongs to the replication group ${other.group} already, and can't be in ${group} too`,
      );
  }
}

function written(
  roles: RolesRecord,
  action: 'create' | 'alter',
  details: readonly string[],
): Decision & { kind: 'accepted' } {
  const changes: Change[] = [
    { what: 'roles', name: roles.group, action, details: [`generation ${roles.generation}`, ...details] },
  ];
  const decision = accepted(summary(changes), changes, new Map([[rolesKey(roles.group), roles]]));
  return decision as Decision & { kind: 'accepted' };
}

function unchanged({ group }: RolesRecord, why: string): Decision {
  const changes: Change[] = [{ what: 'roles', name: group, action: 'none', details: [why] }];
  return accepted(summary(changes), changes, new Map());
}

function otherPrimaries({ topics }: Pick<RolesDeclaration, 'topics'>): string[] {
  return Object.entries(topics).map(([topic, region]) => `primary of ${topic}: ${region}`);
}

/** What the file says otherwise than the roles, in words. */
function contradictionsOf(roles: RolesRecord, declared: RolesDeclaration): string[] {
  const contradictions: string[] = [];
  const { primary } = declared;
  if (primary !== roles.primary.region)
    contradictions.push(`primary is ${roles.primary.region}, the file says ${primary}`);
  for (const topic of new Set([...Object.keys(roles.topics), ...Object.keys(declared.topics)])) {
    const inFile = Object.hasOwn(declared.topics, topic) ? declared.topics[topic]! : primary;
    const { region } = primaryOf(roles, topic);
    // Told with the primary of all topics already.
    if (inFile === region || (inFile === primary && region === roles.primary.region)) continue;
    contradictions.push(`primary of ${topic} is ${region}, the file says ${inFile}`);
  }
  return contradictions;
}

function refusal(
  state: FleetState,
  roles: RolesRecord,
  declared: RolesDeclaration,
  contradictions: readonly string[],
): string {
  const { group, place } = declared;
  const topics = Object.entries(roles.topics).filter(([, { region }]) => region !== roles.primary.region);
  const hasTopics = topics.length > 0 || Object.keys(declared.topics).length > 0;
  const lines = [
    'replicationGroups:',
    `  ${group}:`,
    `    primary: ${roles.primary.region}`,
    ...(hasTopics
      ? [`    topics: {${topics.map(([topic, { region }]) => `${yamlKey(topic)}: ${region}`).join(', ')}}`]
      : []),
  ];
  return (
    `${place} contradicts the roles of the replication group ${group} (${originOf(state, roles)}): ${contradictions.join('; ')}. ` +
    'A file never changes roles; write into it:\n' +
    `${lines.join('\n')}\n` +
    `or move back with: lockstep switchover ${place} --to ${declared.primary}`
  );
}

/** Since when, and by which move. */
function originOf(state: FleetState, roles: RolesRecord): string {
  const { group, primary, changedBy, moveId, by, atMs, generation } = roles;
  const since = primary.sinceGeneration;
  const time = (ms: number): string => new Date(ms).toISOString();
  const last =
    moveId === null
      ? `declared by ${by} at ${time(atMs)}, generation ${generation}`
      : `${changedBy} ${moveId} by ${by} at ${time(atMs)}, generation ${generation}`;
  if (since === generation) return `${primary.region} is primary since: ${last}`;
  const made = [...state.moves.values()].find(
    (move) => move.group === group && move.rolesGeneration === since - 1 && move.to === primary.region,
  );
  const how =
    made === undefined ? '' : ` (${made.kind} ${made.id} by ${made.by} at ${time(made.startedAtMs)})`;
  return `${primary.region} is primary since generation ${since}${how}; last change: ${last}`;
}

/** Topics may be named like numbers and like YAML's own words. */
function yamlKey(topic: string): string {
  const isPlain = /^[A-Za-z][\w.-]*$/.test(topic) && !/^(true|false|yes|no|on|off|null|y|n)$/i.test(topic);
  return isPlain ? topic : JSON.stringify(topic);
}
