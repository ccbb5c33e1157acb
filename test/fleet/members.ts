// Members of a fleet for tests: each remembers what it was told.
import { Cluster, type SaslConfig } from '../../src/client/index.ts';
import { keyOf, Membership, type MembershipOptions, type WorkItem } from '../../src/fleet/index.ts';
import { waitFor } from '../support/wait-for.ts';

export interface TestMember {
  readonly name: string;
  readonly membership: Membership;
  readonly cluster: Cluster;
  /** Keys that it believes to own. */
  readonly owned: Set<string>;
  /** Keys in the order in which they were added or revoked, with the time, ms. */
  readonly log: {
    readonly atMs: number;
    readonly what: 'added' | 'revoked';
    readonly keys: readonly string[];
  }[];
  readonly notices: string[];
  leads: boolean;
  end(): Promise<void>;
}

/** `count` items of one link, ten partitions a topic. */
export function workOf(count: number): WorkItem[] {
  return Array.from({ length: count }, (_, index) => ({
    link: 'us-to-eu',
    topic: `topic-${Math.floor(index / 10)}`,
    partition: index % 10,
  }));
}

/** A member that is started by its caller. What it gives up counts as its own until it is stopped. */
export async function makeMember(
  name: string,
  bootstrap: readonly string[],
  options: Pick<MembershipOptions, 'groupId' | 'work'> &
    Partial<MembershipOptions> & { stopMs?: number; sasl?: SaslConfig },
): Promise<TestMember> {
  const { stopMs = 0, sasl, ...rest } = options;
  const cluster = await Cluster.connect(
    {
      name: 'eu-west',
      bootstrap: bootstrap.map((address) => {
        const [host, port] = address.split(':') as [string, string];
        return { host, port: Number(port) };
      }),
      clientId: name,
      ...(sasl === undefined ? {} : { sasl }),
    },
    { deadlineMs: 5_000, connectTimeoutMs: 3_000 },
  );
  const member: TestMember = {
    name,
    cluster,
    owned: new Set(),
    log: [],
    notices: [],
    leads: false,
    membership: new Membership({
      cluster,
      agentId: name,
      sessionTimeoutMs: 6_000,
      load: () => new Map(),
      onAssigned({ added }) {
        for (const item of added) member.owned.add(keyOf(item));
        if (added.length > 0) member.log.push({ atMs: Date.now(), what: 'added', keys: added.map(keyOf) });
      },
      async onRevoked(items) {
        if (stopMs > 0) await new Promise((resolve) => setTimeout(resolve, stopMs));
        for (const item of items) member.owned.delete(keyOf(item));
        member.log.push({ atMs: Date.now(), what: 'revoked', keys: items.map(keyOf) });
      },
      onLeader(isLeader) {
        member.leads = isLeader;
      },
      onNotice({ text }) {
        member.notices.push(text);
      },
      ...rest,
    }),
    async end() {
      await member.membership.stop();
      cluster.close();
    },
  };
  return member;
}

/** Keys by the members that believe to own them. */
export function ownersOf(members: readonly TestMember[]): Map<string, string[]> {
  const owners = new Map<string, string[]>();
  for (const { name, owned } of members)
    for (const key of owned) owners.set(key, [...(owners.get(key) ?? []), name]);
  return owners;
}

/** Resolves when every item is owned by exactly one of them, none is left over, and nobody is in the middle of a round. */
export function sharedOut(
  members: readonly TestMember[],
  work: readonly WorkItem[],
  deadlineMs: number,
  differenceMax = Number.POSITIVE_INFINITY,
): Promise<boolean> {
  return waitFor(
    () => {
      const owners = ownersOf(members);
      const sizes = members.map(({ owned }) => owned.size);
      return (
        owners.size === work.length &&
        work.every((item) => owners.get(keyOf(item))?.length === 1) &&
        Math.max(...sizes) - Math.min(...sizes) <= differenceMax &&
        members.every(({ membership }) => membership.status().state === 'Stable') &&
        members.filter(({ leads }) => leads).length === 1
      );
    },
    {
      deadlineMs,
      pollMs: 20,
      describe: () =>
        `all ${work.length} items to have one owner: ${JSON.stringify(members.map(({ name, owned, membership }) => ({ name, owned: owned.size, ...membership.status() })))}`,
    },
  );
}
