// The metrics of what travels along: positions of consumer groups, ACLs, quotas, users. Told by the agent that keeps them.
import type { ToldRecord } from '../../control/records/index.ts';
import type { PositionStatus } from '../../link/groups/index.ts';
import type { LinkView } from '../view.ts';
import { Family } from './family.ts';

export class KeeperFamilies {
  readonly #groups = new Family(
    'gauge',
    'lockstep_groups',
    'Consumer groups in each state of their positions (docs/api.md)',
  );
  readonly #groupsFailing = new Family(
    'gauge',
    'lockstep_groups_failing',
    '1 while the last look at the groups failed',
  );
  readonly #groupsLook = new Family(
    'gauge',
    'lockstep_groups_look_age_seconds',
    'Since the groups of a link were last looked at',
  );
  readonly #groupLag = new Family(
    'gauge',
    'lockstep_group_lag_seconds',
    'How old the position is that a consumer would resume from at the destination',
  );
  readonly #behind = new Family(
    'gauge',
    'lockstep_group_behind_records',
    'How far the position at the destination is behind the one at the source; the sum over partitions with both',
  );
  readonly #sourcePosition = new Family(
    'gauge',
    'lockstep_group_source_position',
    'Position committed at the source, as an offset of the mirror; per partition only',
  );
  readonly #position = new Family(
    'gauge',
    'lockstep_group_position',
    'Position committed at the destination; per partition only',
  );
  readonly #rights = new Family(
    'gauge',
    'lockstep_rights',
    'Always 1; the state of what is kept equal: acls, quotas or users (docs/api.md)',
  );
  readonly #copied = new Family('gauge', 'lockstep_acls_copied', 'ACLs at the destination that are copies');
  readonly #withheld = new Family(
    'gauge',
    'lockstep_acls_withheld',
    'ACLs of the source that are given at promotion',
  );
  readonly #unprotected = new Family(
    'gauge',
    'lockstep_unprotected_mirrors',
    'Mirrors that somebody besides the agent may write to',
  );
  readonly #missingUsers = new Family(
    'gauge',
    'lockstep_missing_users',
    'SCRAM users of the source that the destination does not have',
  );

  readonly #told = new Family(
    'gauge',
    'lockstep_told_state',
    "Always 1; the state of heartbeats and checkpoints for MirrorMaker 2's readers (docs/states.md)",
  );
  readonly #toldAge = new Family(
    'gauge',
    'lockstep_told_age_seconds',
    "Since the last record for MirrorMaker 2's readers was written; checkpoints are written where something changed",
  );

  get all(): Family[] {
    return [
      this.#told,
      this.#toldAge,
      this.#groups,
      this.#groupsFailing,
      this.#groupsLook,
      this.#groupLag,
      this.#behind,
      this.#sourcePosition,
      this.#position,
      this.#rights,
      this.#copied,
      this.#withheld,
      this.#unprotected,
      this.#missingUsers,
    ];
  }

  /** Of the agent that leads. */
  addTold(told: readonly ToldRecord[], { nowMs }: { nowMs: number }): void {
    for (const each of told) {
      const labels =
        each.kind === 'checkpoints'
          ? { kind: each.kind, link: each.link, topic: each.topic }
          : {
              kind: each.kind,
              source: each.sourceAlias,
              destination: each.destinationAlias,
              topic: each.topic,
            };
      this.#told.add({ ...labels, state: each.state }, 1);
      const { lastWrittenAtMs } = each;
      this.#toldAge.add(
        labels,
        lastWrittenAtMs === null ? null : Math.max(0, nowMs - lastWrittenAtMs) / 1_000,
      );
    }
  }

  addLink(view: LinkView, how: { nowMs: number; isPerPartition: boolean }): void {
    if (view.groups !== null) this.#addGroups(view.name, view.groups, how);
    if (view.rights === null) return;
    const link = view.name;
    const { acls, quotas, users } = view.rights;
    for (const [kind, { state }] of Object.entries({ acls, quotas, users }))
      this.#rights.add({ link, kind, state }, 1);
    if (acls.state !== 'Off' && acls.lookedAtMs !== null) {
      this.#copied.add({ link }, acls.copiedCount);
      this.#withheld.add({ link }, acls.withheldCount);
      this.#unprotected.add({ link }, acls.unprotected.length);
    }
    if (users.state !== 'Off' && users.lookedAtMs !== null)
      this.#missingUsers.add({ link }, users.missing.length);
  }

  #addGroups(
    link: string,
    { groups, lastError, lookedAtMs }: NonNullable<LinkView['groups']>,
    { nowMs, isPerPartition }: { nowMs: number; isPerPartition: boolean },
  ): void {
    const isKnown = lookedAtMs !== null || lastError !== null;
    this.#groupsFailing.add({ link }, isKnown ? Number(lastError !== null) : null);
    this.#groupsLook.add({ link }, lookedAtMs === null ? null : Math.max(0, nowMs - lookedAtMs) / 1_000);
    for (const [state, each] of Map.groupBy(groups, (group) => group.state))
      this.#groups.add({ link, state }, each.length);
    for (const { group, lagMs, positions } of groups) {
      this.#groupLag.add({ link, group }, lagMs === null ? null : lagMs / 1_000);
      if (isPerPartition) this.#addPositions(link, group, positions);
      else this.#addTopics(link, group, positions);
    }
  }

  #addTopics(link: string, group: string, positions: readonly PositionStatus[]): void {
    for (const [topic, each] of Map.groupBy(positions, (position) => position.topic)) {
      const known = each.map(behindOf).filter((behind) => behind !== null);
      const sum = known.reduce((total, behind) => total + behind, 0n);
      this.#behind.add({ link, group, topic }, known.length === 0 ? null : sum);
    }
  }

  #addPositions(link: string, group: string, positions: readonly PositionStatus[]): void {
    for (const position of positions) {
      const labels = { link, group, topic: position.topic, partition: position.partition };
      this.#behind.add(labels, behindOf(position));
      this.#sourcePosition.add(labels, BigInt(position.wanted));
      this.#position.add(labels, position.destination === null ? null : BigInt(position.destination));
    }
  }
}

/** Never negative: the destination may be ahead, and is left so. Null where nothing is committed there. */
function behindOf({ wanted, destination }: PositionStatus): bigint | null {
  if (destination === null) return null;
  const behind = BigInt(wanted) - BigInt(destination);
  return behind > 0n ? behind : 0n;
}
