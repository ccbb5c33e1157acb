// Decisions about where data may be: a file declares rules, and links that would break them are refused.
//
// Rules never go away by themselves: a file that says otherwise is refused, and one that says nothing leaves them as they
// are. Changing them takes an explicit word (`lockstep rules apply FILE`), so that yesterday's file, started again
// somewhere, lets nothing out.
import { isDeepStrictEqual } from 'node:util';
import {
  type Change,
  type CommandRecord,
  type FleetState,
  type LinkDeclaration,
  type RulesDeclaration,
  type RulesRecord,
  recordVersion,
  residencyRules,
  rulesKey,
  union,
} from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import {
  certainViolations,
  forbidding,
  type ResidencyWorld,
  ruleText,
  violationText,
} from '../../topology/index.ts';
import { flowIn, rulesOf, worldOf } from '../residency.ts';
import { accepted, checkOurs, type Decision, type DecisionContext, nameOf, summary } from './decision.ts';
import { namesakes, plain, ruleDifferences } from './rule-differences.ts';

/**
 * Whether a file may declare this. Asked before an agent joins its fleet, too.
 * @throws LockstepError CONFIG_INVALID with what differs from the rules that stand.
 */
export function checkRulesDeclaration(state: FleetState, declared: RulesDeclaration): void {
  checkOurs(state, rulesKey);
  checkNames(declared);
  const before = rulesOf(state);
  const differences = before === null ? [] : ruleDifferences(before, declared);
  if (differences.length === 0) return;
  throw new LockstepError(
    'CONFIG_INVALID',
    `${declared.place}: its labels and rules are not those that stand in the fleet of ${before!.cluster} ` +
      `(from ${before!.place}, generation ${before!.generation}): ${differences.map(({ inFile }) => inFile).join('; ')}. Make the file agree, or change what stands with: lockstep rules apply ${declared.place}`,
  );
}

function checkNames(declared: RulesDeclaration): void {
  const [twice] = namesakes(declared, declared);
  if (twice !== undefined)
    throw new LockstepError(
      'CONFIG_INVALID',
      `${declared.place}: ${twice}: one cluster has one set of labels`,
    );
}

/** Makes the rules, adds clusters and links of another file, or changes them where a person said so. */
export function declareRules(
  state: FleetState,
  declared: RulesDeclaration,
  isChange: boolean,
  { by }: CommandRecord,
  context: DecisionContext,
): Decision {
  checkOurs(state, rulesKey);
  const before = rulesOf(state);
  if (isChange) checkNames(declared);
  else checkRulesDeclaration(state, declared);
  // Labels alone forbid nothing, and another file may come with the rules.
  if (before === null && declared.rules.length === 0)
    return answered('none', ['the file has no rules, and none stand'], new Map());
  const after = merged(before, declared);
  const details =
    before === null
      ? after.rules.map((rule) => `rule added: ${ruleText(rule)}`)
      : ruleDifferences(before, declared).map(({ asChange }) => asChange);
  if (before !== null && isDeepStrictEqual(content(before), content(after)))
    return answered('none', ['as declared already'], new Map());
  const record: RulesRecord = {
    ...after,
    ...{ v: recordVersion, generation: (before?.generation ?? 0) + 1, by, atMs: context.nowMs },
  };
  const entries = new Map([[rulesKey, record]]);
  return answered(
    before === null ? 'create' : 'alter',
    [
      ...(details.length > 0 ? details : ['clusters and links of the file; labels and rules stay']),
      ...effects(state, { before, after: record }, context),
    ],
    entries,
  );
}

function answered(
  action: Change['action'],
  details: readonly string[],
  entries: ReadonlyMap<string, object | null>,
): Decision {
  const changes: Change[] = [{ what: 'rules', name: residencyRules, action, details }];
  return accepted(summary(changes), changes, entries);
}

/**
 * Refuses links whose topics a rule certainly forbids. What stood there before a rule came is no reason to refuse
 * another change of the link: it is not copied all the same.
 * @throws LockstepError CONFIG_INVALID naming the link, the topic and the rule.
 */
export function refuseForbidden(
  state: FleetState,
  declarations: readonly LinkDeclaration[],
  { resolve }: Pick<DecisionContext, 'resolve'>,
): void {
  const rules = rulesOf(state);
  if (rules === null || rules.rules.length === 0) return;
  const standing = [...state.links.values()];
  const others = standing.filter(({ name }) => !declarations.some((declared) => declared.name === name));
  const [now, then] = [standing, [...others, ...declarations]].map((links) =>
    worldOf(state, rules, links, resolve),
  ) as [ResidencyWorld, ResidencyWorld];
  const lines = declarations.flatMap(({ name }) => {
    const flow = flowIn(then, rules, name);
    if (flow === undefined) return [];
    const former = flowIn(now, rules, name);
    const known = new Set(former === undefined ? [] : certainViolations(now, former).map(({ item }) => item));
    return certainViolations(then, flow)
      .filter(({ item }) => !known.has(item))
      .map(({ item, text }) => `link ${name}: topics: ${item}: ${text}`);
  });
  if (lines.length > 0) throw new LockstepError('CONFIG_INVALID', lines.join('\n'));
}

/** Links and clusters of other files stay: data may still come over them. */
function merged(before: RulesRecord | null, declared: RulesDeclaration): RulesDeclaration {
  if (before === null) return declared;
  const isAgain = (one: { name: string; destination: string }) =>
    declared.flows.some(({ name, destination }) => name === one.name && destination === one.destination);
  return {
    ...declared,
    clusters: { ...withoutAddressesOf(declared, before.clusters), ...mapFacts(before, declared) },
    flows: [...before.flows.filter((flow) => !isAgain(flow)), ...declared.flows],
    groups: [
      ...before.groups.filter(({ name }) => !declared.groups.some((group) => group.name === name)),
      ...declared.groups,
    ],
  };
}

/** An address that is another cluster's now, as a person said: it may have moved. */
function withoutAddressesOf(
  declared: RulesDeclaration,
  clusters: RulesDeclaration['clusters'],
): RulesDeclaration['clusters'] {
  return Object.fromEntries(
    Object.entries(clusters).map(([name, facts]) => {
      const others = Object.entries(declared.clusters).flatMap(([other, { labels, bootstrap = [] }]) =>
        other === name || isDeepStrictEqual(plain(labels), plain(facts.labels)) ? [] : bootstrap,
      );
      const taken = new Set(others.map((address) => address.toLowerCase()));
      if (facts.bootstrap === undefined || taken.size === 0) return [name, facts];
      return [
        name,
        { ...facts, bootstrap: facts.bootstrap.filter((address) => !taken.has(address.toLowerCase())) },
      ];
    }),
  );
}

/** Every file may know other addresses of a cluster. */
function mapFacts(before: RulesDeclaration, declared: RulesDeclaration): RulesDeclaration['clusters'] {
  const left = withoutAddressesOf(declared, before.clusters);
  return Object.fromEntries(
    Object.entries(declared.clusters).map(([name, facts]) => {
      const known = Object.hasOwn(left, name) ? left[name]!.bootstrap : undefined;
      return [name, { ...facts, bootstrap: union(known ?? [], facts.bootstrap ?? []) }];
    }),
  );
}

/** Whether the same is said, wherever it is written. */
function content({ cluster, clusters, topicLabels, rules, flows, groups }: RulesDeclaration): unknown {
  const byName = <T extends { name: string }>(all: readonly T[]) =>
    [...all].sort((a, b) => (a.name < b.name ? -1 : 1));
  const parts = { cluster, clusters, topicLabels, rules: byName(rules), flows: byName(flows) };
  return plain({ ...parts, groups: byName(groups) });
}

/** Mirrors that are not copied any more when these rules stand, and those that are copied again. */
function effects(
  state: FleetState,
  { before, after }: { before: RulesRecord | null; after: RulesRecord },
  context: DecisionContext,
): string[] {
  const was = before === null ? new Map<string, string>() : forbiddenMirrors(state, before, context);
  const willBe = forbiddenMirrors(state, after, context);
  const stopped = [...willBe].filter(([name]) => !was.has(name));
  const freed = [...was.keys()].filter((name) => !willBe.has(name));
  return [
    ...stopped.map(([name, why]) => `mirror ${name} becomes Forbidden, and its copy stays: ${why}`),
    ...freed.map((name) => `mirror ${name} is not Forbidden any more, and is copied on`),
  ];
}

/** By the mirror's name: why. */
function forbiddenMirrors(
  state: FleetState,
  rules: RulesRecord,
  { resolve }: Pick<DecisionContext, 'resolve'>,
): Map<string, string> {
  const world = worldOf(state, rules, [...state.links.values()], resolve);
  const forbidden = new Map<string, string>();
  for (const mirror of state.mirrors.values()) {
    const flow = flowIn(world, rules, mirror.link);
    const violation = flow === undefined ? null : forbidding(world, flow, mirror.sourceTopic);
    if (violation !== null) forbidden.set(nameOf(mirror), violationText(violation));
  }
  return forbidden;
}
