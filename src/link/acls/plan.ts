// What to do about the rules of one link, from what both sides have, what is recorded as ours, and what is wanted. Pure:
// the shell reads, carries out in the order given, and looks again.
//
//   a rule is        wanted                                     not wanted
//   ours, there      nothing (remembers that it was seen)       deleted, then forgotten
//   ours, missing    made again; after the third time in an     forgotten
//                    hour left alone for an hour: ForeignOwner
//   not ours, there  nothing, and never recorded                nothing
//   not there        recorded, then made
//
// In this order nothing is wider in between: records, DENYs made, ALLOWs made, ALLOWs deleted, DENYs deleted, records
// removed. Nor is anything narrower where an ALLOW takes the place of others (ALL that of READ, at a promotion): Kafka's
// clients end for good when they are refused once. A crash leaves at most a record of a rule that is not there
// (`intended`), and the next look goes on from it.
//
// Rules on topics that are no mirrors of the link (any more) are left alone. A promoted mirror is a topic of its own: what
// was withheld is given, and its rules are the user's from then on, forgotten here.
import { type Acl, describeAcl } from '../../client/index.ts';
import { missingAgain, pauseEndMs } from './foreign.ts';
import type { RuleRecord } from './records.ts';
import { byKey, isDeny, sharePrincipal, takesFrom } from './rules.ts';
import type { ForeignRule, MirrorOfLink } from './types.ts';
import { type WantedInput, type WantedRule, wantedRules } from './wanted.ts';

export interface PlanInput extends WantedInput {
  /** Keys of `records` that another version of Lockstep wrote: those rules are not ours to touch. */
  readonly unreadable: ReadonlySet<string>;
  readonly mirrors: readonly MirrorOfLink[];
  /** Mirror topics that are promoted now: they get what was withheld, even where nothing of them is recorded. */
  readonly releasing?: ReadonlySet<string>;
  /** Since 1970. */
  readonly nowMs: number;
}

export interface Plan {
  /** Written before anything is made or deleted. */
  readonly records: ReadonlyMap<string, RuleRecord>;
  readonly denies: readonly Acl[];
  readonly deletedAllows: readonly Acl[];
  readonly allows: readonly Acl[];
  readonly deletedDenies: readonly Acl[];
  /** Records of rules that are not wanted any more; removed when those are gone. */
  readonly forgotten: readonly string[];
  /** Records of promoted mirrors; removed when everything was carried out. */
  readonly handedOver: readonly string[];
  /** Rules for mirrors that are made at promotion. */
  readonly withheld: readonly Acl[];
  readonly foreign: readonly ForeignRule[];
  readonly warnings: readonly string[];
}

export function planRules(input: PlanInput): Plan {
  const recordedTopics = new Set([...input.records.values()].map(({ acl }) => topicOf(acl)));
  const mirrors = input.mirrors.filter(
    ({ isPromoted, mirrorTopic }) =>
      !isPromoted || recordedTopics.has(mirrorTopic) || input.releasing?.has(mirrorTopic) === true,
  );
  const withLinkWide = mirrors.some((mirror) => !mirror.isPromoted);
  const released = new Set(mirrors.flatMap((mirror) => (mirror.isPromoted ? [mirror.mirrorTopic] : [])));
  const all = wantedRules(input, mirrors, withLinkWide);
  const owned = foreignRules(all.rules, input, released);
  const wanted = withoutUnsafe(all.rules, new Set(owned.keys()));

  const there = byKey(input.destination);
  const records = new Map(pausedRecords(owned));
  const missing: Acl[] = [];
  for (const [key, rule] of wanted) {
    const record = input.records.get(key);
    if (there.has(key)) {
      if (record?.phase === 'intended') records.set(key, { ...record, phase: 'made' });
    } else if (!owned.has(key) && !input.unreadable.has(`rule/${key}`)) {
      missing.push(rule.acl);
      const next = intended(record, rule, input.nowMs);
      if (next !== record) records.set(key, next);
    }
  }
  const isInScope = scopeOf(mirrors, withLinkWide);
  const gone = [...input.records].filter(([key, { acl }]) => isInScope(acl) && !wanted.has(key));
  const deleted = gone.flatMap(([key, { acl }]) => (there.has(key) ? [acl] : []));
  return {
    records,
    denies: missing.filter(isDeny),
    deletedAllows: deleted.filter((acl) => !isDeny(acl)),
    allows: missing.filter((acl) => !isDeny(acl)),
    deletedDenies: deleted.filter(isDeny),
    forgotten: gone.map(([key]) => key),
    handedOver: [...new Map([...input.records, ...records])].flatMap(([key, { acl }]) =>
      released.has(topicOf(acl) ?? '') ? [key] : [],
    ),
    withheld: all.withheld,
    foreign: [...owned.values()].map(({ shown }) => shown),
    warnings: all.warnings,
  };
}

/** Whether nothing is to be done, nor to be awaited. */
export function isQuiet(plan: Plan): boolean {
  const { records, denies, deletedAllows, allows, deletedDenies, forgotten, handedOver, foreign } = plan;
  const lists = [denies, deletedAllows, allows, deletedDenies, forgotten, handedOver, foreign];
  return records.size === 0 && lists.every((list) => list.length === 0);
}

/** What to do at a promotion where ACLs are left alone: our denies go, what was copied stays as it is. */
export function liftOnly(records: ReadonlyMap<string, RuleRecord>, topics: ReadonlySet<string>): Plan {
  const ours = [...records].filter(([, { acl }]) => topics.has(topicOf(acl) ?? ''));
  return {
    ...nothing,
    deletedDenies: ours.flatMap(([, { acl, why }]) => (why === 'withheld' ? [acl] : [])),
    handedOver: ours.map(([key]) => key),
  };
}

const nothing: Plan = {
  records: new Map(),
  denies: [],
  deletedAllows: [],
  allows: [],
  deletedDenies: [],
  forgotten: [],
  handedOver: [],
  withheld: [],
  foreign: [],
  warnings: [],
};

/** Where somebody else keeps removing a rule: its record, and what is shown. A promotion does not wait for that. */
function foreignRules(
  wanted: ReadonlyMap<string, WantedRule>,
  input: PlanInput,
  released: ReadonlySet<string>,
): Map<string, { record: RuleRecord; isNew: boolean; shown: ForeignRule }> {
  const there = byKey(input.destination);
  const found = new Map<string, { record: RuleRecord; isNew: boolean; shown: ForeignRule }>();
  for (const [key, rule] of wanted) {
    const known = input.records.get(key);
    if (known === undefined || there.has(key) || released.has(topicOf(rule.acl) ?? '')) continue;
    const record = intended(known, rule, input.nowMs);
    const resumesAtMs = pauseEndMs(record.removedAtMs, input.nowMs);
    if (resumesAtMs === null) continue;
    const shown = { rule: describeAcl(rule.acl), removedCount: record.removedAtMs.length, resumesAtMs };
    found.set(key, { record, isNew: record !== known, shown });
  }
  return found;
}

function pausedRecords(owned: ReturnType<typeof foreignRules>): [string, RuleRecord][] {
  return [...owned].flatMap(([key, { record, isNew }]) =>
    isNew ? [[key, record] as [string, RuleRecord]] : [],
  );
}

/** The record of a rule that is about to be made; one that was seen and is missing was removed by somebody else. */
function intended(record: RuleRecord | undefined, { acl, why }: WantedRule, nowMs: number): RuleRecord {
  if (record === undefined) return { acl, why, phase: 'intended', removedAtMs: [] };
  return missingAgain(record, nowMs);
}

/** An ALLOW may not stand where a DENY that belongs to it is left away for somebody's sake. */
function withoutUnsafe(
  wanted: ReadonlyMap<string, WantedRule>,
  owned: ReadonlySet<string>,
): ReadonlyMap<string, WantedRule> {
  const denies = [...owned].map((key) => wanted.get(key)!.acl).filter(isDeny);
  if (denies.length === 0) return wanted;
  return new Map(
    [...wanted].filter(
      ([, { acl, why }]) =>
        why !== 'copied' ||
        isDeny(acl) ||
        !denies.some((deny) => sharePrincipal(deny.principal, acl.principal) && takesFrom(deny, acl)),
    ),
  );
}

/** Which of our rules are looked after now. */
function scopeOf(mirrors: readonly MirrorOfLink[], withLinkWide: boolean): (acl: Acl) => boolean {
  const topics = new Set(mirrors.map((mirror) => mirror.mirrorTopic));
  return (acl) => (acl.resourceType === 'TOPIC' ? topics.has(acl.resourceName) : withLinkWide);
}

function topicOf(acl: Acl): string | null {
  return acl.resourceType === 'TOPIC' ? acl.resourceName : null;
}
