// The leader's part of a round: reads what the members say, shares out, writes each one's share.
import { assign, type Claim } from './assign.ts';
import type { FleetProtocol } from './protocol.ts';
import type { JoinedMember } from './state.ts';

export interface MemberShare {
  readonly memberId: string;
  readonly assignment: Buffer;
}

export class Sharing {
  /** As last heard, of everything there is to do: what a member that died has held is not measured by anybody. */
  #load: ReadonlyMap<string, number> = new Map();
  #isSettling = false;

  /** Shares out; `warn` is told of members that can't be understood: they get nothing. */
  share(
    protocol: FleetProtocol,
    members: readonly JoinedMember[],
    keys: readonly string[],
    warn: (text: string) => void,
  ): readonly MemberShare[] {
    const claims: Claim[] = [];
    const heard = new Map<string, number>();
    for (const { memberId, metadata } of members) {
      const claim = readClaim(protocol, memberId, metadata, heard, warn);
      if (claim !== null) claims.push(claim);
    }
    const known = keys.map((key) => [key, heard.get(key) ?? this.#load.get(key)] as const);
    this.#load = new Map(known.filter((entry): entry is [string, number] => entry[1] !== undefined));
    const shares = assign({ keys, members: claims, load: this.#load, isSettling: this.#isSettling });
    this.#isSettling = shares.isSettling;
    return members.map(({ memberId }) => ({
      memberId,
      assignment: protocol.encodeAssignment(shares.keys.get(memberId) ?? []),
    }));
  }
}

function readClaim(
  protocol: FleetProtocol,
  memberId: string,
  metadata: Buffer,
  heard: Map<string, number>,
  warn: (text: string) => void,
): Claim | null {
  try {
    const { generation, owned, releasing, isLeaving, load } = protocol.decodeMember(metadata);
    for (const [key, cost] of load) heard.set(key, cost);
    return { memberId, generation, owned, releasing, isLeaving };
  } catch (error) {
    warn(
      `member ${memberId} says something that can't be read (${(error as Error).message}): it gets nothing`,
    );
    return null;
  }
}
