// The source's rules as rules for the destination. Never wider: what a copied rule allows there, the source allows on
// the corresponding resource.
//
// 1. Topics: a rule of any pattern becomes a LITERAL rule on each mirror whose source topic it matches; never a prefix or
//    `*`, which would reach topics that are no mirrors. Groups and transactional ids have the same names on both sides,
//    so their rules are taken as they are.
// 2. On a mirror that is not promoted only reading is given: ALL becomes READ, DESCRIBE and DESCRIBE_CONFIGS, other
//    operations wait until promotion.
// 3. A DENY of the source is copied where its principal is selected, or where it takes something from an ALLOW for
//    everybody that is copied.
// 4. A DENY for everybody would stop the agent, too. So each principal that an ALLOW is copied for gets a DENY of its own;
//    an ALLOW of which the DENY leaves nothing, or an ALLOW for everybody, is not copied. On a promoted mirror the DENY
//    stands as it is.
// 5. Nothing is ever copied for the agent's own principal.
import { type Acl, type AclOperation, type AclResourceType, describeAcl } from '../../client/index.ts';
import {
  commonHost,
  commonPattern,
  everybody,
  isDeny,
  isKnown,
  type Pattern,
  rulesOnTopic,
  sharePrincipal,
  takesAll,
  takesFrom,
} from './rules.ts';
import type { AclSettings, MirrorOfLink } from './types.ts';

const resourceTypeOf = { topic: 'TOPIC', group: 'GROUP', transactionalId: 'TRANSACTIONAL_ID' } as const;

/** What a mirror may be used for before its promotion. */
const readingOperations: readonly AclOperation[] = ['READ', 'DESCRIBE', 'DESCRIBE_CONFIGS'];

export interface TranslateInput {
  readonly source: readonly Acl[];
  readonly mirrors: readonly MirrorOfLink[];
  readonly selects: (principal: string) => boolean;
  readonly settings: Pick<AclSettings, 'resources' | 'withholdWrites'>;
  /** Principals that are, or may be, the agent's. */
  readonly own: ReadonlySet<string>;
  /** Groups and transactional ids belong to the link as a whole; false leaves them out. */
  readonly withLinkWide: boolean;
}

export interface Translation {
  /** Denies first. */
  readonly wanted: readonly Acl[];
  /** Given at promotion: rules for the mirror. */
  readonly withheld: readonly Acl[];
  readonly warnings: readonly string[];
}

/** The source's rules that count for this link, whatever its mirrors are. */
export function relevantRules(
  source: readonly Acl[],
  { selects, settings }: Pick<TranslateInput, 'selects' | 'settings'>,
): Acl[] {
  const types = new Set<AclResourceType>(settings.resources.map((kind) => resourceTypeOf[kind]));
  const candidates = source.filter((acl) => types.has(acl.resourceType) && isKnown(acl));
  const allows = candidates.filter((acl) => acl.permission === 'ALLOW' && selects(acl.principal));
  const denies = candidates.filter(
    (acl) =>
      acl.permission === 'DENY' &&
      (selects(acl.principal) ||
        allows.some((allow) => sharePrincipal(acl.principal, allow.principal) && takesFrom(acl, allow))),
  );
  return [...allows, ...denies];
}

export function translate(input: TranslateInput): Translation {
  const rules = relevantRules(input.source, input).filter((acl) => !input.own.has(acl.principal));
  const places = input.mirrors.map((mirror) => placeOnMirror(rules, mirror, input));
  if (input.withLinkWide) {
    const linkWide = rules.filter((acl) => acl.resourceType !== 'TOPIC');
    places.push(placeRules({ rules: linkWide, mayDenyEverybody: false, selects: input.selects }));
  }
  const wanted = places.flatMap((place) => place.wanted);
  return {
    wanted: [...wanted.filter(isDeny), ...wanted.filter((acl) => !isDeny(acl))],
    withheld: places.flatMap((place) => place.withheld),
    warnings: places.flatMap((place) => place.warnings),
  };
}

function placeOnMirror(rules: readonly Acl[], mirror: MirrorOfLink, input: TranslateInput): Translation {
  const placed = rulesOnTopic(rules, mirror.sourceTopic).map(
    (acl): Acl => ({ ...acl, patternType: 'LITERAL', resourceName: mirror.mirrorTopic }),
  );
  const isOpen = mirror.isPromoted || !input.settings.withholdWrites;
  const given = isOpen ? placed : placed.flatMap(readingPart);
  const withheld = isOpen ? [] : placed.filter((acl) => !isDeny(acl) && !isReading(acl));
  const place = placeRules({
    rules: given,
    mayDenyEverybody: mirror.isPromoted,
    selects: input.selects,
  });
  return { ...place, withheld };
}

function isReading(acl: Acl): boolean {
  return readingOperations.includes(acl.operation);
}

function readingPart(acl: Acl): Acl[] {
  if (isDeny(acl) || isReading(acl)) return [acl];
  return acl.operation === 'ALL' ? readingOperations.map((operation) => ({ ...acl, operation })) : [];
}

/** Steps 3 and 4, for rules that already stand on the destination's resources. */
function placeRules(options: {
  rules: readonly Acl[];
  mayDenyEverybody: boolean;
  selects: (principal: string) => boolean;
}): Translation {
  const { rules, mayDenyEverybody, selects } = options;
  const warnings: string[] = [];
  const denies = rules.filter(isDeny);
  const named = denies.filter((deny) => mayDenyEverybody || deny.principal !== everybody);
  const broad = denies.filter((deny) => !mayDenyEverybody && deny.principal === everybody);
  const allows = rules.filter((allow) => {
    if (isDeny(allow)) return false;
    const inTheWay = broad.find(
      (deny) => takesAll(deny, allow) || (allow.principal === everybody && takesFrom(deny, allow)),
    );
    if (inTheWay !== undefined && !takesAll(inTheWay, allow)) {
      warnings.push(
        `not copied: ${describeAcl(allow)}, since ${describeAcl(inTheWay)} takes something from it, and a DENY for ` +
          'everybody would stop the agent, too',
      );
    }
    return inTheWay === undefined;
  });
  const kept = named.filter(
    (deny) =>
      selects(deny.principal) ||
      allows.some((allow) => sharePrincipal(deny.principal, allow.principal) && takesFrom(deny, allow)),
  );
  const ofTheirOwn = broad.flatMap((deny) =>
    allows.filter((allow) => takesFrom(deny, allow)).map((allow) => narrowed(deny, allow)),
  );
  return { wanted: [...kept, ...ofTheirOwn, ...allows], withheld: [], warnings };
}

/** The part of the deny that concerns the allow, for that one's principal. */
function narrowed(deny: Acl, allow: Acl): Acl {
  return {
    ...deny,
    ...patternOf(commonPattern(deny, allow)!),
    principal: allow.principal,
    host: commonHost(deny.host, allow.host)!,
  };
}

function patternOf({ resourceType, resourceName, patternType }: Pattern): Pattern {
  return { resourceType, resourceName, patternType };
}
