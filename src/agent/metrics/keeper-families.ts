// The metrics of what travels along: positions of consumer groups, ACLs, users. Told by the agent that keeps them.
import type { GroupPositionView, LinkView } from '../view.ts';
import { Family } from './family.ts';

export class KeeperFamilies {
  readonly #groups = new Family('gauge', 'lockstep_groups', 'Consumer groups in each state of their sync');
  readonly #groupsAge = new Family(
    'gauge',
    'lockstep_groups_look_age_seconds',
    'Since the groups of a link were last looked at',
  );
  readonly #groupsFailing = new Family(
    'gauge',
    'lockstep_groups_failing',
    '1 while the groups can not be looked at',
  );
  readonly #behind = new Family(
    'gauge',
    'lockstep_group_behind_records',
    'How far the position at the destination is behind that at the source; the sum over partitions where both are known',
  );
  readonly #sourcePosition = new Family(
    'gauge',
    'lockstep_group_source_position',
    'Position committed at the source; per partition only',
  );
  readonly #position = new Family(
    'gauge',
    'lockstep_group_position',
    'Position committed at the destination; per partition only',
  );
  readonly #aclState = new Family('gauge', 'lockstep_acls', 'Always 1; the state of the ACLs of a link');
  readonly #aclAge = new Family(
    'gauge',
    'lockstep_acls_look_age_seconds',
    'Since the ACLs were last looked at',
  );
  readonly #aclsFailing = new Family(
    'gauge',
    'lockstep_acls_failing',
    '1 while the ACLs can not be looked at',
  );
  readonly #copied = new Family('gauge', 'lockstep_acls_copied', 'ACLs at the destination that are copies');
  readonly #withheld = new Family(
    'gauge',
    'lockstep_acls_withheld',
    'WRITE rights that wait for a promotion',
  );
  readonly #missingUsers = new Family(
    'gauge',
    'lockstep_missing_users',
    'SCRAM users of the source that the destination does not have',
  );

  get all(): Family[] {
    return [
      this.#groups,
      this.#groupsAge,
      this.#groupsFailing,
      this.#behind,
      this.#sourcePosition,
      this.#position,
      this.#aclState,
      this.#aclAge,
      this.#aclsFailing,
      this.#copied,
      this.#withheld,
      this.#missingUsers,
    ];
  }

  addLink(
    { name: link, groups, acls }: LinkView,
    { nowMs, isPerPartition }: { nowMs: number; isPerPartition: boolean },
  ): void {
    const age = (atMs: number | null): number | null =>
      atMs === null ? null : Math.max(0, nowMs - atMs) / 1_000;
    if (groups !== null) {
      this.#groupsAge.add({ link }, age(groups.lookedAtMs));
      this.#groupsFailing.add({ link }, groups.error === null ? 0 : 1);
      for (const [state, each] of Map.groupBy(groups.groups, (group) => group.state))
        this.#groups.add({ link, state }, each.length);
      for (const { group, positions } of groups.groups)
        if (isPerPartition) this.#addPositions(link, group, positions);
        else this.#addTopics(link, group, positions);
    }
    if (acls === null) return;
    this.#aclState.add({ link, state: acls.state }, 1);
    this.#aclAge.add({ link }, age(acls.lookedAtMs));
    this.#aclsFailing.add({ link }, acls.error === null ? 0 : 1);
    this.#copied.add({ link }, acls.copiedCount);
    this.#withheld.add({ link }, acls.withheldCount);
    this.#missingUsers.add({ link }, acls.missingUsers.length);
  }

  #addTopics(link: string, group: string, positions: readonly GroupPositionView[]): void {
    for (const [topic, each] of Map.groupBy(positions, (position) => position.topic)) {
      const known = each.map(behindOf).filter((behind) => behind !== null);
      this.#behind.add(
        { link, group, topic },
        known.length === 0 ? null : known.reduce((sum, behind) => sum + behind, 0n),
      );
    }
  }

  #addPositions(link: string, group: string, positions: readonly GroupPositionView[]): void {
    for (const position of positions) {
      const labels = { link, group, topic: position.topic, partition: position.partition };
      this.#behind.add(labels, behindOf(position));
      this.#sourcePosition.add(labels, position.sourceOffset);
      this.#position.add(labels, position.offset);
    }
  }
}

/** Never negative: a position that was moved back at the source is not one that is missing at the destination. */
function behindOf({ sourceOffset, offset }: GroupPositionView): bigint | null {
  if (sourceOffset === null || offset === null) return null;
  return sourceOffset > offset ? sourceOffset - offset : 0n;
}
