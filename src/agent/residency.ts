// Whether the rules of the fleet let a topic be copied: asked for every topic at every look, so what was found is remembered
// until something changes that it depends on.
import {
  type FleetState,
  type LinkDeclaration,
  type LinkRecord,
  type RulesRecord,
  residencyRules,
  rulesKey,
} from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import type { TopicHold } from '../link/index.ts';
import {
  type Flow,
  forbidding,
  type LinkConfig,
  type ResidencyWorld,
  violationText,
} from '../topology/index.ts';

/** Keys that what is found follows from. */
export const residencyKeys = /^(rules|origins|link|roles)\//;

type Declared = Pick<LinkDeclaration, 'name' | 'source' | 'destination' | 'config'>;
type Resolve = (declaration: LinkDeclaration) => LinkConfig;

/** The rules that stand; null: none were ever declared. @throws LockstepError UNSUPPORTED_VERSION for what can't be read. */
export function rulesOf(state: FleetState): RulesRecord | null {
  const rules = state.rules.get(residencyRules);
  if (rules !== undefined) return rules;
  if (state.get(rulesKey) === undefined) return null;
  throw new LockstepError(
    'UNSUPPORTED_VERSION',
    `${rulesKey} in the control topic can't be read by this version, so nothing is copied: use the newer Lockstep that wrote it`,
  );
}

/**
 * All that is known here of links and labels.
 * @param links those of this fleet, as they are or as they would be; one that can't be read has no flow
 */
export function worldOf(
  state: FleetState,
  rules: RulesRecord,
  links: readonly Declared[],
  resolve: Resolve,
): ResidencyWorld {
  const origins = links.flatMap(({ name, source }) => {
    const known = state.origins.get(name);
    return known?.source === source.name ? [known] : [];
  });
  const roles = Array.from(state.roles.values(), ({ group, links: own }) => ({ name: group, links: own }));
  return {
    ...{ clusters: rules.clusters, topicLabels: rules.topicLabels, rules: rules.rules },
    flows: [
      ...rules.flows.filter(({ destination }) => destination !== rules.cluster),
      ...links.flatMap((link) => flowOf(link, rules, resolve)),
      ...origins.flatMap(({ flows }) => flows),
    ],
    copies: origins.flatMap(({ copies }) => copies),
    groups: [...rules.groups, ...roles],
  };
}

/**
 * Which cluster of the rules a link's source is: by its addresses, whatever the link calls it; else by its name, which may
 * be none that the rules know.
 */
export function sourceIn(
  { clusters }: Pick<RulesRecord, 'clusters'>,
  { name, bootstrap }: Pick<LinkRecord['source'], 'name' | 'bootstrap'>,
): string {
  const own = new Set(bootstrap.map((address) => address.toLowerCase()));
  const has = (cluster: string): boolean =>
    clusters[cluster]!.bootstrap?.some((address) => own.has(address.toLowerCase())) ?? false;
  if (Object.hasOwn(clusters, name) && has(name)) return name;
  return Object.keys(clusters).find(has) ?? name;
}

/** People may call this cluster otherwise on each link. */
function flowOf(link: Declared, rules: RulesRecord, resolve: Resolve): Flow[] {
  const { cluster } = rules;
  try {
    const { name, topics, excludeTopics, prefix, mirrorMaker } = resolve(link);
    const ends = { source: sourceIn(rules, link.source), destination: cluster };
    return [{ name, ...ends, topics, excludeTopics, prefix, mirrorMaker }];
  } catch (error) {
    if (error instanceof LockstepError) return [];
    throw error;
  }
}

/** The flow of a link in a world that was made with it. */
export function flowIn(world: ResidencyWorld, rules: RulesRecord, link: string): Flow | undefined {
  return world.flows.find(({ name, destination }) => name === link && destination === rules.cluster);
}

export interface FleetResidencyOptions {
  readonly state: FleetState;
  /** @throws LockstepError CONFIG_INVALID */
  readonly resolve: Resolve;
}

interface Found {
  readonly world: ResidencyWorld;
  readonly rules: RulesRecord;
  /** By link/topic: why not; null: nothing against it. */
  readonly texts: Map<string, string | null>;
}

export class FleetResidency {
  readonly #options: FleetResidencyOptions;
  /** Null: no rules; a text: why nobody can tell; undefined: to be found out. */
  #found: Found | string | null | undefined;

  constructor(options: FleetResidencyOptions) {
    this.#options = options;
  }

  /** Some key of `residencyKeys` changed. */
  changed(): void {
    this.#found = undefined;
  }

  /** Changes when other answers may be given. */
  version(): string {
    const { state } = this.#options;
    const rules = state.rules.get(residencyRules);
    if (rules === undefined) return state.get(rulesKey) === undefined ? '' : 'unreadable';
    return `${rules.generation} ${[...state.origins.values()].map(({ atMs }) => atMs).join()}`;
  }

  /** Why a topic of a link must not be copied; null where rules have nothing against it. */
  holdOf(link: LinkRecord, topic: string): TopicHold | null {
    const found = this.#current();
    if (found === null) return null;
    if (typeof found === 'string') return { state: 'Forbidden', reason: found };
    if (found.rules.rules.length === 0) return null;
    const key = `${link.name}/${topic}`;
    let text = found.texts.get(key);
    if (text === undefined) {
      text = whyNot(found, link.name, topic);
      found.texts.set(key, text);
    }
    const { mirrors, origins } = this.#options.state;
    const copy = mirrors.get(key);
    if (text !== null)
      return {
        state: 'Forbidden',
        reason:
          copy === undefined
            ? `${text}; nothing was created`
            : `${text}; what was copied before is still there in topic ${copy.mirrorTopic}: delete it by hand where it must not be, Lockstep never does`,
      };
    // What the source copies itself is looked up before anything of it is taken.
    if (origins.get(link.name)?.source === link.source.name) return null;
    return {
      state: 'Preparing',
      reason: `rules stand, and it is not known yet what ${link.source.name} copies from elsewhere: the leading agent looks it up in the control topic there`,
    };
  }

  /** Rules that changed a moment ago count at once, whoever was told of it first. */
  #current(): Found | string | null {
    const known = this.#found;
    const isNew = known === undefined || known === null || typeof known === 'string';
    if (isNew || known.rules !== this.#options.state.rules.get(residencyRules)) this.#found = this.#find();
    return this.#found ?? null;
  }

  #find(): Found | string | null {
    const { state, resolve } = this.#options;
    try {
      const rules = rulesOf(state);
      if (rules === null) return null;
      return { rules, world: worldOf(state, rules, [...state.links.values()], resolve), texts: new Map() };
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      return error.message;
    }
  }
}

function whyNot({ world, rules }: Found, link: string, topic: string): string | null {
  const flow = flowIn(world, rules, link);
  if (flow === undefined) return `what the link ${link} takes can't be read, and rules stand`;
  const violation = forbidding(world, flow, topic);
  return violation === null ? null : violationText(violation);
}
