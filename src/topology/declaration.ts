// Links and sources that were declared elsewhere and come as plain data (a record of the control topic, options of the
// command line): the same checks and the same words as for lockstep.yaml, with `link us-to-eu: topics[0]` as place.
import type { ClusterConfig } from '../client/config.ts';
import { LockstepError } from '../errors.ts';
import { resolveReloadableCluster } from './file-credentials.ts';
import { readFromDisk } from './files.ts';
import { linkSchema } from './link-schema.ts';
import { checkFilters, resolveLink } from './links.ts';
import { checkLinksTogether } from './links-together.ts';
import { Problems } from './problems.ts';
import { fileSchema } from './schema.ts';
import type { ReferenceSources } from './secrets.ts';
import { checkShape } from './shape.ts';
import type { LinkConfig } from './types.ts';

/** A link as it is declared: the keys of its entry in lockstep.yaml, as written. */
export interface DeclaredLink {
  readonly name: string;
  /** The source's name. */
  readonly source: string;
  readonly destination: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** A cluster as it is declared: an entry of `clusters:`, as written, with its name. */
export interface ClusterReference {
  readonly name: string;
  readonly bootstrap: readonly string[];
  readonly clientId?: string;
  readonly tls?: unknown;
  readonly sasl?: unknown;
}

/** Where references and relative paths lead; the reader of files is the disk's unless a test passes its own. */
export type DeclarationSources = Pick<ReferenceSources, 'folder' | 'environment'> &
  Partial<Pick<ReferenceSources, 'readFile'>>;

/** Path steps that a record's own name stands for: `links` and the link's name. */
const hiddenSteps = 2;

/**
 * The link's configuration, defaults filled in. References in it (passwords of `sync.users`) are looked up in
 * `sources`, or stay as written with `unresolved`: for whoever only checks or shows the link.
 *
 * @throws LockstepError CONFIG_INVALID with one line `link us-to-eu: topics[0]: found X, expected Y` per problem.
 */
export function resolveLinkDeclaration(
  declared: DeclaredLink,
  sources: DeclarationSources | 'unresolved' = processSources(),
): LinkConfig {
  const { name, source, destination } = declared;
  const problems = new Problems(`link ${name}`, { hiddenSteps });
  const raw = { ...declared.config, source, destination };
  checkShape({ links: { [name]: raw } }, problems, fileSchema.pick({ links: true }));
  if (source === destination) {
    problems.add(['links', name, 'destination'], {
      found: `${JSON.stringify(source)}, which is the source too`,
      expected: 'another cluster',
    });
  }
  checkFilters(name, raw, problems);
  const shape = linkSchema.safeParse(raw);
  const context = { sources: sources === 'unresolved' ? null : withDisk(sources), problems };
  const link = shape.success ? resolveLink(name, shape.data, context) : undefined;
  problems.throwIfAny();
  if (link === undefined) throw new LockstepError('INTERNAL', `link ${name}: wrong, and no problem named`);
  return link;
}

/**
 * How to reach the cluster: references and files looked up, addresses parsed.
 *
 * @throws LockstepError CONFIG_INVALID with one line `cluster us-east: sasl.password: found X, expected Y` per problem.
 */
export function resolveClusterReference(
  reference: ClusterReference,
  sources: DeclarationSources = processSources(),
): ClusterConfig {
  const { name, bootstrap, clientId, tls, sasl } = reference;
  const raw = Object.fromEntries(
    Object.entries({ bootstrap, clientId, tls, sasl }).filter(([, value]) => value !== undefined),
  );
  const problems = new Problems(`cluster ${name}`, { hiddenSteps });
  checkShape({ clusters: { [name]: raw } }, problems, fileSchema.pick({ clusters: true }));
  const cluster = resolveReloadableCluster(name, raw, { sources: withDisk(sources), problems });
  problems.throwIfAny();
  return cluster;
}

/**
 * Checks links of one destination against each other, each right by itself: two that would write one topic, unless a
 * replication group's roles say which of them does.
 * @throws LockstepError CONFIG_INVALID with one line per problem.
 */
export function checkDeclaredTogether(
  links: readonly LinkConfig[],
  groups: readonly { readonly links: readonly string[] }[] = [],
): void {
  const problems = new Problems('links', { hiddenSteps: 1 });
  checkLinksTogether(links, {}, { problems, groups });
  problems.throwIfAny();
}

function withDisk(sources: DeclarationSources): ReferenceSources {
  return { readFile: readFromDisk, ...sources };
}

function processSources(): DeclarationSources {
  return { folder: process.cwd(), environment: process.env };
}
