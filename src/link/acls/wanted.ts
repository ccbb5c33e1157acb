// Every rule that should stand at the destination because of this link, and why.
import { type Acl, describeAcl } from '../../client/index.ts';
import type { RuleRecord } from './records.ts';
import { containsPattern, everybody, ruleKey } from './rules.ts';
import { translate } from './translate.ts';
import type { AclSettings, Leniency, MirrorOfLink } from './types.ts';
import { ownPrincipals, withholdingRules } from './withhold.ts';

export interface WantedInput {
  /** As last seen. */
  readonly source: readonly Acl[];
  /** All rules there are. */
  readonly destination: readonly Acl[];
  readonly records: ReadonlyMap<string, RuleRecord>;
  readonly selects: (principal: string) => boolean;
  readonly settings: Pick<AclSettings, 'resources' | 'withholdWrites'>;
  readonly agentPrincipal: string | null;
  /** Whom the agent was before its credentials changed; others of its fleet may still be. Default none. */
  readonly formerPrincipals?: Iterable<string>;
  /** Users of the destination that are known by other sources than its rules, as principals. */
  readonly users: readonly string[];
  readonly leniency: Leniency;
  /** False: DENYs hit the agent whatever was done against it, so that none are made. Default true. */
  readonly mayDeny?: boolean;
}

export interface WantedRule {
  readonly acl: Acl;
  readonly why: RuleRecord['why'];
}

export interface Wanted {
  readonly rules: ReadonlyMap<string, WantedRule>;
  /** Given at promotion. */
  readonly withheld: readonly Acl[];
  readonly warnings: readonly string[];
}

export function wantedRules(
  input: WantedInput,
  mirrors: readonly MirrorOfLink[],
  withLinkWide: boolean,
): Wanted {
  const { source, destination, selects, settings, agentPrincipal, leniency } = input;
  const ofNow = input.mayDeny === false ? null : ownPrincipals(destination, agentPrincipal, leniency);
  const own = ofNow === null ? null : new Set([...ofNow, ...(input.formerPrincipals ?? [])]);
  const warnings: string[] = [];
  const copied = translate({ source, mirrors, selects, settings, own: own ?? new Set(), withLinkWide });
  const denied: Acl[] = [];
  if (settings.withholdWrites && own === null) {
    warnings.push(
      "nobody is kept from writing: which principal is the agent's own is not known, and a DENY for it would stop the mirrors",
    );
  } else if (settings.withholdWrites) {
    const knownPrincipals = new Set(
      [
        ...destination.map((acl) => acl.principal),
        ...source.map((acl) => acl.principal),
        ...input.users,
      ].filter((principal) => principal !== everybody),
    );
    for (const { mirrorTopic, isPromoted } of mirrors)
      if (!isPromoted)
        denied.push(...withholdingRules({ mirrorTopic, destination, own: own!, knownPrincipals }));
  }
  const closing = closingRules(
    [
      ...copied.wanted.map((acl): WantedRule => ({ acl, why: 'copied' })),
      ...denied.map((acl): WantedRule => ({ acl, why: 'withheld' })),
    ],
    input,
  );
  return {
    rules: new Map(closing.rules.map((rule) => [ruleKey(rule.acl), rule])),
    withheld: copied.withheld,
    warnings: [...warnings, ...copied.warnings, ...closing.warnings],
  };
}

/**
 * Where topics without rules are open to everybody, the first rule on one closes it to the agent, too. So a resource
 * that only has rules of ours gets one that allows the agent, before the others.
 */
function closingRules(
  rules: readonly WantedRule[],
  { destination, records, agentPrincipal, leniency }: WantedInput,
): { rules: readonly WantedRule[]; warnings: readonly string[] } {
  if (leniency !== 'on') return { rules, warnings: [] };
  const foreign = destination.filter((acl) => !records.has(ruleKey(acl)));
  const closes = ({ acl }: WantedRule) => !foreign.some((other) => containsPattern(other, acl));
  if (agentPrincipal === null) {
    const left = rules.filter(closes);
    return {
      rules: rules.filter((rule) => !closes(rule)),
      warnings: left.map(
        ({ acl }) =>
          `not made: ${describeAcl(acl)}, the first rule there: it would end allow.everyone.if.no.acl.found for the ` +
          'agent, too, whose principal is not known',
      ),
    };
  }
  const forAgent = rules.filter(closes).map(
    ({ acl }): WantedRule => ({
      acl: { ...acl, principal: agentPrincipal, host: '*', operation: 'ALL', permission: 'ALLOW' },
      why: 'agent',
    }),
  );
  return { rules: [...forAgent, ...rules], warnings: [] };
}
