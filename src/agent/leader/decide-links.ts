// Decisions about links: creating and altering them until they are as declared, and deleting them.
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
  rolesOfLink,
} from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { type LinkConfig, matchesTopic, mirrorNameOf } from '../../topology/index.ts';
import { plural } from '../../units.ts';
import { closing, deletion } from './decide-mirrors.ts';
import { refuseForbidden } from './decide-rules.ts';
import {
  accepted,
  allMirrorsOf,
  asList,
  beingDeleted,
  checkOurs,
  type Decision,
  type DecisionContext,
  linkOf,
  mirrorsOf,
  nameOf,
  refused,
  summary,
} from './decision.ts';
import { changedKeys } from './link-changes.ts';

/** Creates or alters links until they are as declared. */
export function apply(
  state: FleetState,
  declarations: readonly LinkDeclaration[],
  context: DecisionContext,
): Decision {
  const others = [...state.links.values()].filter(
    ({ name }) => !declarations.some((declared) => declared.name === name),
  );
  const configs = declarations.map((declaration) => context.resolve(declaration));
  context.checkTogether([...others, ...declarations], [...state.roles.values()]);
  refuseForbidden(state, declarations, context);
  const entries = new Map<string, object | null>();
  const changes: Change[] = [];
  for (const [index, declaration] of declarations.entries()) {
    const key = linkKey(declaration.name);
    checkOurs(state, key);
    const before = state.links.get(declaration.name);
    const group = rolesOfLink(state.roles, declaration.name)?.group ?? declaration.group ?? before?.group;
    if (group !== undefined) checkTurning(configs[index]!, group);
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
      ...(declaration.group !== undefined && { group: declaration.group }),
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
  const living = others.filter((link) => link.isDeleted !== true);
  const changed = changes.filter(({ action }) => action !== 'none').map(({ name }) => name);
  context.refuseLoops?.(state, [...living, ...declarations], changed);
  return accepted(summary(changes), changes, entries);
}

/** As lockstep.yaml is checked: a topic that changes sides keeps its name and its offsets. */
function checkTurning({ name, prefix, start }: LinkConfig, group: string): void {
  const found = prefix !== '' ? `prefix ${prefix}` : start === 'shifted' ? 'start shifted' : null;
  if (found === null) return;
  throw new LockstepError(
    'CONFIG_INVALID',
    `link ${name}: ${found} can't be on a link of a replication group (${group}): a topic that changes sides keeps its name and its offsets`,
  );
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
  checkNames(mirrors, config, after);
}

/** Another alias or separator is another prefix; under Identity it names heartbeats alone. */
function checkNames(mirrors: readonly MirrorRecord[], before: LinkConfig, after: LinkConfig): void {
  const renamed = mirrors.find(
    ({ sourceTopic }) => mirrorNameOf(before, sourceTopic) !== mirrorNameOf(after, sourceTopic),
  );
  if (renamed === undefined) return;
  throw new LockstepError(
    'USAGE',
    `link ${before.name}: aliases and separator of mirrorMaker can't be changed while mirrors have them in their names ` +
      `(${renamed.mirrorTopic}); delete those first, or create another link`,
  );
}

export function createMirrors(
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

export function deleteLink(state: FleetState, command: CommandRecord, { nowMs }: DecisionContext): Decision {
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
