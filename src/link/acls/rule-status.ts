// How the rules of a link stand, from one look. Pure.
import type { Acl } from '../../client/index.ts';
import type { Plan } from './plan.ts';
import type { KeeperRecords } from './records.ts';
import { everybody } from './rules.ts';
import type { Leniency, MirrorOfLink, RightsStatus, UnprotectedMirror } from './types.ts';
import { unprotected } from './withhold.ts';

/** So many are named in the status; the rest is counted. */
const shownMax = { unprotected: 1_000, warnings: 50 } as const;
/** Above this, mirrors that are Unprotected share one sentence. */
const toldOneByOneMax = 10;

/** All of a status but for when. */
export type Standing = Omit<RightsStatus, 'sinceMs' | 'sourceSeenAtMs' | 'lookedAtMs'>;

export interface LookedAt {
  readonly plan: Plan;
  /** The destination's rules after the plan. */
  readonly after: readonly Acl[];
  readonly mirrors: readonly MirrorOfLink[];
  readonly records: KeeperRecords;
  readonly leniency: Leniency;
  readonly withholdWrites: boolean;
  readonly agentPrincipal: string | null;
  /** Why the source did not tell its rules; null when it did. */
  readonly silence: string | null;
}

export const nothingYet: Standing = {
  state: 'Starting',
  reason: null,
  copiedCount: 0,
  deniedCount: 0,
  withheldCount: 0,
  protectedCount: 0,
  unprotected: [],
  foreign: [],
  warnings: [],
};

export function standingOf(looked: LookedAt): Standing {
  const { plan, after, mirrors, records, silence, ...rest } = looked;
  const open = mirrors.filter((mirror) => !mirror.isPromoted);
  const exposed = open.flatMap(
    ({ mirrorTopic }) => unprotected({ ...rest, mirrorTopic, destination: after }) ?? [],
  );
  const strange = [...records.unreadable].filter((key) => /^(rule|source)\//.test(key)).length;
  const ours = [...records.rules.values()];
  const isOwned = plan.foreign.length > 0;
  const warnings = [
    ...plan.warnings,
    ...(strange === 0
      ? []
      : [`${strange} records of another version of Lockstep: their rules are left alone`]),
  ];
  return {
    state: isOwned ? 'ForeignOwner' : silence === null ? 'Current' : 'SourceSilent',
    reason: isOwned ? foreignReason(plan) : silence,
    copiedCount: ours.filter(({ why }) => why === 'copied').length,
    deniedCount: ours.filter(({ why }) => why === 'withheld').length,
    withheldCount: plan.withheld.length,
    protectedCount: open.length - exposed.length,
    unprotected: exposed.slice(0, shownMax.unprotected),
    foreign: plan.foreign,
    warnings: warnings.slice(0, shownMax.warnings),
  };
}

export function withoutAuthorizer(mirrors: readonly MirrorOfLink[]): Standing {
  const reason = 'the destination runs no authorizer: everybody may write';
  const exposed = mirrors.flatMap(({ isPromoted, mirrorTopic: topic }): UnprotectedMirror[] =>
    isPromoted ? [] : [{ topic, writers: [everybody], reason }],
  );
  return {
    ...nothingYet,
    state: 'NoAuthorizer',
    reason,
    unprotected: exposed.slice(0, shownMax.unprotected),
  };
}

/** What people should hear, each sentence once for as long as it holds. */
export function sentencesOf({ unprotected: exposed, warnings }: Standing): string[] {
  const first = exposed[0];
  const all =
    first !== undefined && exposed.length > toldOneByOneMax
      ? [`Unprotected: ${exposed.length} mirrors, the first is ${first.topic}: ${first.reason}`]
      : exposed.map(({ topic, reason }) => `Unprotected: mirror ${topic}: ${reason}`);
  return [...all, ...warnings];
}

function foreignReason({ foreign }: Plan): string {
  const first = foreign[0]!;
  const more = foreign.length > 1 ? ` and ${foreign.length - 1} more` : '';
  return (
    `somebody else removed ${first.rule}${more} ${first.removedCount} times; left alone until ` +
    `${new Date(first.resumesAtMs).toISOString()}, or until the link is altered. End what removes it, or leave its ` +
    'principal out of sync.acls'
  );
}
