// What the options of `links create` and `links alter` say: the keys of a link as lockstep.yaml has them.
import type { Command } from 'commander';
import { parse } from 'yaml';
import { formatAddress } from '../../client/config.ts';
import type { LinkDeclaration, SourceReference } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { readClusterFile } from '../../topology/cluster-file.ts';
import { literalSecretsOf, nearestName, resolveLinkDeclaration } from '../../topology/index.ts';
import { linkSchema } from '../../topology/link-schema.ts';
import { addressesOf } from './destination.ts';

export interface LinkOptions {
  readonly source?: string;
  readonly sourceBootstrap?: string;
  readonly sourceConfig?: string;
  readonly topics?: readonly string[];
  readonly excludeTopics?: readonly string[];
  readonly groups?: readonly string[];
  readonly excludeGroups?: readonly string[];
  readonly prefix?: string;
  readonly startAt?: string;
  readonly separateProducerIds?: true;
  readonly set?: readonly string[];
}

/** What the source is called where nobody gave it a name. */
const unnamedSource = 'source';

export function withLinkOptions(command: Command): Command {
  return command
    .option('--source <name>', `what to call the source; default: ${unnamedSource}`)
    .option('--source-bootstrap <addresses>', 'brokers of the source, host:port,...')
    .option(
      '--source-config <file>',
      'YAML with the keys of a cluster in lockstep.yaml: bootstrap, tls, sasl; secrets as ${file:...} or ${env:...}, looked up by the agents',
    )
    .option(
      '--topics <list>',
      'topic names or regular expressions, with commas; may be repeated, as the next three',
      collect,
    )
    .option('--exclude-topics <list>', 'topics to leave out', collect)
    .option('--groups <list>', 'consumer groups whose positions travel along', collect)
    .option('--exclude-groups <list>', 'groups to leave out', collect)
    .option('--prefix <text>', 'prefix of the mirrors’ names; default: none')
    .option('--start-at <where>', 'where new mirrors begin: earliest, latest or a timestamp')
    .option(
      '--separate-producer-ids',
      'keep the destination’s producer ids above the source’s, for producers that move with their old id',
    )
    .option(
      '--set <key=value>',
      'any key of a link in lockstep.yaml, such as replicationFactor=3 or sync.groups.every=1s; may be repeated',
      (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
    );
}

/** Keys with an option of their own. */
const optionKeys = [
  ...(['topics', 'excludeTopics', 'groups', 'excludeGroups', 'prefix', 'startAt'] as const),
  'separateProducerIds',
] as const;

/** `--topics a,b --topics c` is one list; a comma in braces belongs to a regular expression. */
export function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  const items = text.split(/,(?![^{]*\})/).map((item) => item.trim());
  return [...(before ?? []), ...items.filter((item) => item !== '')];
}

/**
 * The keys that were given, with their new values; null for those of `unset`. A key below another one (sync.groups.every)
 * comes as its uppermost key with everything else as it is in `before`.
 * @throws LockstepError USAGE
 */
export function configChanges(
  options: LinkOptions,
  { before = {}, unset = [] }: { before?: Readonly<Record<string, unknown>>; unset?: readonly string[] } = {},
): Record<string, unknown> {
  const changes: Record<string, unknown> = {};
  const change = (path: readonly string[], value: unknown): void => {
    const [key, ...rest] = path as [string, ...string[]];
    const old = Object.hasOwn(changes, key) ? changes[key] : before[key];
    const replaced = replacedAt(old, rest, value);
    changes[key] = replaced === undefined ? null : replaced;
  };
  for (const key of optionKeys) if (options[key] !== undefined) changes[key] = options[key];
  for (const text of options.set ?? []) {
    const at = text.indexOf('=');
    if (at <= 0)
      throw new LockstepError('USAGE', `--set ${text}: expected key=value, such as replicationFactor=3`);
    change(pathOf(text.slice(0, at), '--set'), parsedValue(text.slice(at + 1), text.slice(0, at)));
  }
  for (const key of unset) change(unsetPath(key, before), undefined);
  return changes;
}

/** A copy with another value at the path; undefined where nothing is left of it. */
function replacedAt(old: unknown, path: readonly string[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const { [key]: inner, ...others } = isMapping(old) ? old : {};
  const replaced = replacedAt(inner, rest, value);
  const all = replaced === undefined ? others : { ...others, [key]: replaced };
  return Object.keys(all).length === 0 ? undefined : all;
}

function pathOf(key: string, option: string): string[] {
  const path = key.split('.');
  if (path.every((part) => /^[A-Za-z][A-Za-z0-9]*$/.test(part))) {
    if (path[0] === 'source' || path[0] === 'destination')
      throw new LockstepError(
        'USAGE',
        `${option} ${key}: use --source-bootstrap or --source-config for the source`,
      );
    return path;
  }
  throw new LockstepError('USAGE', `${option} ${key}: expected a key of a link in lockstep.yaml`);
}

/** A key that no link has, mistyped as a rule, would seem to be unset. */
function unsetPath(key: string, before: Readonly<Record<string, unknown>>): string[] {
  const path = pathOf(key, '--unset');
  const [top] = path as [string, ...string[]];
  if (Object.hasOwn(linkSchema.shape, top) || Object.hasOwn(before, top)) return path;
  const meant = nearestName(top, Object.keys(linkSchema.shape));
  throw new LockstepError(
    'USAGE',
    `--unset ${key}: no link has a key ${top}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
  );
}

/** As the value would be read in lockstep.yaml: numbers, true, [a, b]. */
function parsedValue(text: string, key: string): unknown {
  try {
    return parse(text) ?? '';
  } catch {
    throw new LockstepError('USAGE', `--set ${key}: its value is no YAML; put it in quotes`);
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The keys of a link after changes: those with null are gone. */
export function altered(
  config: Readonly<Record<string, unknown>>,
  changes: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ ...config, ...changes }).filter(([, value]) => value !== null));
}

/**
 * The leader checks it all again; told here, it costs no agent and no wait.
 * @throws LockstepError CONFIG_INVALID with a line for each problem.
 */
export function checkLink({ name, source, destination, config }: LinkDeclaration): void {
  const [secret] = literalSecretsOf(config);
  if (secret !== undefined) {
    throw new LockstepError(
      'CONFIG_INVALID',
      `link ${name}: ${secret}: found the secret itself (not shown), which would be stored where others can read it; expected a reference that agents look up where they run: \${file:path} or \${env:NAME}`,
    );
  }
  resolveLinkDeclaration({ name, source: source.name, destination, config }, 'unresolved');
}

/**
 * How agents reach the source, by what was given; undefined where nothing was.
 * @throws LockstepError USAGE, FILE_UNREADABLE, or CONFIG_INVALID where the file holds a secret itself.
 */
export function sourceReference(
  options: Pick<LinkOptions, 'source' | 'sourceBootstrap' | 'sourceConfig'>,
  before?: SourceReference,
): SourceReference | undefined {
  const { source, sourceBootstrap, sourceConfig } = options;
  const name = source ?? before?.name ?? unnamedSource;
  const given =
    sourceBootstrap === undefined
      ? undefined
      : addressesOf(sourceBootstrap, '--source-bootstrap').map(formatAddress);
  if (sourceConfig !== undefined) {
    const file = readClusterFile(sourceConfig, { name, ...(given && { bootstrap: given }) });
    file.refuseSecrets();
    return { name, ...(file.entry as Omit<SourceReference, 'name'>) };
  }
  if (before !== undefined) {
    if (given === undefined && source === undefined) return undefined;
    return { ...before, name, ...(given && { bootstrap: given }) };
  }
  return given === undefined ? undefined : { name, bootstrap: given };
}
