// Every topic, every region that it is in, and by which link: pure, from what the clusters' topic lists and control topics
// say. Rules are held against what is there, not against what links may do.
import { FleetReducer, type FleetState, residencyRules } from '../../control/index.ts';
import {
  type Flow,
  isInternalTopic,
  lineageOf,
  mirrorNameOf,
  type ResidencyWorld,
  sourceNameOf,
  type TopicPlace,
  type Violation,
  violationAt,
  violationText,
} from '../../topology/index.ts';

/** A cluster of the file as it was found. */
export interface AuditedCluster {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Why it could not be asked; null: it was. */
  readonly problem: string | null;
  /** By exact name. */
  readonly topics: readonly string[];
  /** What its control topic says. */
  readonly state: FleetState;
}

export interface AuditInput {
  readonly atMs: number;
  readonly clusters: readonly AuditedCluster[];
  /** Rules, labels and links of the file. */
  readonly declared: ResidencyWorld;
  /** What a link of a control topic says, with the name that the file has for its source; null: there is none. */
  flowOf(cluster: string, link: string): Flow | null;
  /** What a fleet's rules have otherwise than the file. */
  rulesDiffer(cluster: string): readonly string[];
}

/** How a topic came to a region. */
export type PlaceKind =
  /** Nobody is known to have brought it. */
  | 'origin'
  /** A link that stands in the region's control topic, or stood there, brought it. */
  | 'mirror'
  /** Its name is that of a mirror, and no link is known that made it. */
  | 'named like a mirror'
  /** What a restore put aside. */
  | 'lost tail'
  /** A link takes it, and a rule forbids it: there is no copy. */
  | 'kept out';

export interface AuditedPlace extends TopicPlace {
  readonly kind: PlaceKind;
  readonly link: string | null;
  /** From the origin on: `eu-west/customers -> uk-south/eu.customers`. */
  readonly path: string;
  /** Of the mirror (docs/states.md); null: it is none. */
  readonly state: string | null;
  readonly reason: string | null;
  /** Since when in this state, ms since the epoch. */
  readonly sinceMs: number | null;
  readonly lagRecords: bigint | null;
  /** The rule that the data breaks by being here; null: none. */
  readonly forbiddenBy: { readonly rule: string; readonly reason: string; readonly remedy: string } | null;
}

export interface AuditedTopic extends TopicPlace {
  /** `key: value`, all that the data carries. */
  readonly labels: readonly string[];
  readonly places: readonly AuditedPlace[];
}

export interface AuditReport {
  readonly atMs: number;
  readonly clusters: readonly {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly problem: string | null;
    /** Generation of the rules that its fleet holds; null: none stand there. */
    readonly rulesGeneration: number | null;
    /** What its fleet's labels and rules have otherwise than the file; none where they agree. */
    readonly rulesDiffer: readonly string[];
  }[];
  readonly rules: readonly string[];
  /** By where they begin. */
  readonly topics: readonly AuditedTopic[];
  /** Copies that are where a rule forbids them. */
  readonly forbiddenCount: number;
  /** Every cluster was asked. */
  readonly isComplete: boolean;
}

/** One step towards the origin. */
interface Parent extends TopicPlace {
  readonly link: string | null;
  readonly kind: Exclude<PlaceKind, 'origin' | 'kept out'>;
}

export function audit(input: AuditInput): AuditReport {
  const { clusters, atMs } = input;
  const world = foundWorld(input);
  const found = clusters.flatMap(({ name, topics }) =>
    topics.filter((topic) => !isInternalTopic(topic)).map((topic) => ({ cluster: name, topic })),
  );
  const parents = new Map(found.map((place) => [keyOf(place), parentOf(place, input)] as const));
  const byOrigin = new Map<string, { origin: TopicPlace; places: AuditedPlace[] }>();
  const add = (origin: TopicPlace, place: AuditedPlace): void => {
    const known = byOrigin.get(keyOf(origin)) ?? { origin, places: [] };
    byOrigin.set(keyOf(origin), known);
    known.places.push(place);
  };
  for (const place of found) {
    const chain = chainOf(place, parents, input);
    add(chain.at(-1)!, describe(place, chain, { input, world, parent: parents.get(keyOf(place)) ?? null }));
  }
  for (const out of keptOut(input)) {
    const { from, ...place } = out;
    const chain = chainOf(from, parents, input);
    add(chain.at(-1)!, { ...place, path: pathOf([place, ...chain]) });
  }
  const topics = Array.from(byOrigin.values(), ({ origin, places }): AuditedTopic => {
    const labels = lineageOf(world, origin).labels.map(({ key, value }) => `${key}: ${value}`);
    return { ...origin, labels: [...new Set(labels)].sort(), places: places.sort(byPath) };
  }).sort((a, b) => compare(`${a.topic}/${a.cluster}`, `${b.topic}/${b.cluster}`));
  return {
    atMs,
    clusters: clusters.map(({ name, labels, problem, state }) => {
      const rulesGeneration = state.rules.get(residencyRules)?.generation ?? null;
      return { name, labels, problem, rulesGeneration, rulesDiffer: input.rulesDiffer(name) };
    }),
    rules: world.rules.map(({ name }) => name),
    topics,
    forbiddenCount: topics.flatMap(({ places }) => places).filter(({ forbiddenBy }) => forbiddenBy !== null)
      .length,
    isComplete: clusters.every(({ problem }) => problem === null),
  };
}

/** The report about one topic: whatever it is called anywhere. */
export function onlyTopic(report: AuditReport, name: string): AuditReport {
  const topics = report.topics.filter(
    ({ topic, places }) => topic === name || places.some((place) => place.topic === name),
  );
  const places = topics.flatMap((topic) => topic.places);
  return {
    ...report,
    topics,
    forbiddenCount: places.filter(({ forbiddenBy }) => forbiddenBy !== null).length,
  };
}

/** What is there: names that a link would give count as its copies; the same name does not, unless it is written down. */
function foundWorld({ declared, clusters, flowOf }: AuditInput): ResidencyWorld {
  const flows = new Map<string, Flow>();
  for (const flow of declared.flows) flows.set(`${flow.destination}/${flow.name}`, flow);
  for (const { name, state } of clusters)
    for (const link of state.links.keys()) {
      const flow = flowOf(name, link);
      if (flow !== null) flows.set(`${name}/${link}`, flow);
    }
  const copies = clusters.flatMap(({ name, state }) => [
    ...[...state.mirrors.values()].flatMap(({ link, sourceTopic, mirrorTopic }) => {
      const source = flowOf(name, link)?.source;
      return source === undefined
        ? []
        : [{ cluster: name, topic: mirrorTopic, from: { cluster: source, topic: sourceTopic }, link }];
    }),
    ...[...state.origins.values()].flatMap((known) => known.copies),
  ]);
  const isRenaming = (flow: Flow): boolean => sourceNameOf(flow, 'lockstep-any-topic-0') === null;
  return { ...declared, flows: [...flows.values()].filter(isRenaming), copies };
}

function parentOf({ cluster, topic }: TopicPlace, { clusters, flowOf, declared }: AuditInput): Parent | null {
  const state = clusters.find(({ name }) => name === cluster)!.state;
  for (const mirror of state.mirrors.values()) {
    if (mirror.mirrorTopic !== topic) continue;
    const source = flowOf(cluster, mirror.link)?.source ?? state.links.get(mirror.link)?.source.name;
    if (source !== undefined)
      return { cluster: source, topic: mirror.sourceTopic, link: mirror.link, kind: 'mirror' };
  }
  const [, lost] = /^(.+)\.lost-\d{8}T\d{6}Z(?:\.older)?$/.exec(topic) ?? [];
  if (lost !== undefined) return { cluster, topic: lost, link: null, kind: 'lost tail' };
  const flows = [
    ...[...state.links.keys()].flatMap((link) => flowOf(cluster, link) ?? []),
    ...declared.flows.filter(({ destination }) => destination === cluster),
  ];
  for (const flow of flows) {
    const source = sourceNameOf(flow, topic);
    if (source !== null && source !== topic)
      return { cluster: flow.source, topic: source, link: flow.name, kind: 'named like a mirror' };
  }
  const alias = aliasesOf({ clusters, cluster }).find(
    (name) => topic.startsWith(`${name}.`) && topic.length > name.length + 1,
  );
  if (alias === undefined) return null;
  return { cluster: alias, topic: topic.slice(alias.length + 1), link: null, kind: 'named like a mirror' };
}

/** What MirrorMaker 2 may have called its sources here: clusters of the file, and those of which it keeps checkpoints here. */
function aliasesOf({
  clusters,
  cluster,
}: {
  clusters: readonly AuditedCluster[];
  cluster: string;
}): string[] {
  const others = clusters.map(({ name }) => name).filter((name) => name !== cluster);
  const topics = clusters.find(({ name }) => name === cluster)!.topics;
  const checkpoints = topics.flatMap((topic) => /^(.+)\.checkpoints\.internal$/.exec(topic)?.[1] ?? []);
  return [...new Set([...others, ...checkpoints])];
}

/** From a place to its origin, both included. */
function chainOf(
  place: TopicPlace,
  parents: ReadonlyMap<string, Parent | null>,
  { clusters }: AuditInput,
): TopicPlace[] {
  const chain: TopicPlace[] = [place];
  for (;;) {
    const parent = parents.get(keyOf(chain.at(-1)!)) ?? null;
    if (parent === null) return chain;
    const { cluster, topic } = parent;
    const again = chain.findIndex((each) => each.cluster === cluster && each.topic === topic);
    if (again < 0) {
      chain.push({ cluster, topic });
      continue;
    }
    // Regions that took turns: what was promoted is where the data is written now.
    const circle = chain.slice(again);
    const isPromoted = (each: TopicPlace): boolean =>
      [...(clusters.find(({ name }) => name === each.cluster)?.state.mirrors.values() ?? [])].some(
        ({ mirrorTopic, state }) => mirrorTopic === each.topic && state === 'Promoted',
      );
    const origin = circle.find(isPromoted) ?? [...circle].sort((a, b) => compare(keyOf(a), keyOf(b)))[0]!;
    const until = chain.indexOf(origin);
    return until === 0 && chain.length > 1 ? [origin] : chain.slice(0, until + 1);
  }
}

function describe(
  place: TopicPlace,
  chain: readonly TopicPlace[],
  { input, world, parent }: { input: AuditInput; world: ResidencyWorld; parent: Parent | null },
): AuditedPlace {
  const state = input.clusters.find(({ name }) => name === place.cluster)!.state;
  const isOrigin = chain.length === 1 || parent === null;
  const kind = isOrigin ? 'origin' : parent.kind;
  const link = isOrigin ? null : parent.link;
  const mirror =
    kind === 'mirror'
      ? [...state.mirrors.values()].find((each) => each.mirrorTopic === place.topic)
      : undefined;
  const name = mirror && `${mirror.link}/${mirror.sourceTopic}`;
  const condition = name === undefined ? undefined : state.conditions.get(name);
  return {
    ...place,
    ...{ kind, link },
    path: pathOf(chain),
    state: condition?.state ?? mirror?.state ?? null,
    reason: condition?.reason ?? mirror?.reason ?? null,
    sinceMs: condition?.sinceMs ?? mirror?.sinceMs ?? null,
    lagRecords: name === undefined ? null : lagOf(state, name),
    forbiddenBy: forbidden(violationHere(world, place), place),
  };
}

/** Of a rule about all data also where it began: nobody can tell such a topic from a copy that was forgotten. */
function violationHere(world: ResidencyWorld, place: TopicPlace): Violation | null {
  const moved = violationAt(world, place);
  if (moved !== null) return moved;
  const anywhere = world.rules.filter(({ from }) => from === undefined);
  const elsewhere = { cluster: 'elsewhere', topic: place.topic };
  return violationAt(
    { ...world, rules: anywhere, copies: [{ ...place, from: elsewhere, link: '' }], flows: [] },
    place,
  );
}

function forbidden(violation: Violation | null, place: TopicPlace): AuditedPlace['forbiddenBy'] {
  if (violation === null) return null;
  return {
    rule: violation.rule.name,
    reason: violationText(violation),
    remedy: `delete topic ${place.topic} in ${place.cluster} (kafka-topics.sh --delete --topic ${place.topic}) when nobody needs it there; Lockstep never does`,
  };
}

/** Topics that links take and rules forbid, of which there is no copy. */
function keptOut(input: AuditInput): (Omit<AuditedPlace, 'path'> & { from: TopicPlace })[] {
  return input.clusters.flatMap(({ name, state }) =>
    [...state.conditions].flatMap(([key, condition]) => {
      const [link, topic] = key.split('/') as [string, string | undefined];
      if (condition.state !== 'Forbidden' || topic === undefined || state.mirrors.has(key)) return [];
      const flow = input.flowOf(name, link);
      if (flow === null) return [];
      return [
        {
          ...{ cluster: name, topic: mirrorNameOf(flow, topic), kind: 'kept out' as const, link },
          from: { cluster: flow.source, topic },
          ...{ state: condition.state, reason: condition.reason, sinceMs: condition.sinceMs },
          ...{ lagRecords: null, forbiddenBy: null },
        },
      ];
    }),
  );
}

function lagOf(state: FleetState, mirror: string): bigint | null {
  let lag: bigint | null = null;
  for (const [key, { lagRecords }] of state.statuses)
    if (key.startsWith(`${mirror}/`) && lagRecords !== null) lag = (lag ?? 0n) + BigInt(lagRecords);
  return lag;
}

function pathOf(chain: readonly TopicPlace[]): string {
  return chain.toReversed().map(keyOf).join(' -> ');
}

function keyOf({ cluster, topic }: TopicPlace): string {
  return `${cluster}/${topic}`;
}

function byPath(a: AuditedPlace, b: AuditedPlace): number {
  return compare(a.path.split(' -> ').length, b.path.split(' -> ').length) || compare(a.path, b.path);
}

function compare<T extends string | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Of a cluster without a control topic, or one that could not be asked. */
export const nothingKnown: FleetState = new FleetReducer();
