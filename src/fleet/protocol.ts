// What the members of a group tell each other through the coordinator, and its versions.
//
// The group's protocol name is the version (`v1`). A member offers all that it speaks; the coordinator takes one that
// every member speaks, so that a fleet can be rolled to the next version and back. Within a version fields may be
// added: what is not known is ignored.

/** What a member tells the leader when it joins. */
export interface MemberView {
  readonly agentId: string;
  /** Of the sharing out by which it holds what it holds; -1 when it holds nothing or has lost its membership. */
  readonly generation: number;
  /** Keys of the items that it works on. */
  readonly owned: readonly string[];
  /** Keys of the items that it is stopping: nobody may have them yet. */
  readonly releasing: readonly string[];
  /** It is about to leave and gets nothing more. */
  readonly isLeaving: boolean;
  /** bytes/s by key, of items that it holds; absent where unknown. */
  readonly load: ReadonlyMap<string, number>;
}

/** One version of the encoding. Decoders throw on what they can't read. */
export interface FleetProtocol {
  /** The protocol's name in the group: `v1`. */
  readonly name: string;
  encodeMember(view: MemberView): Buffer;
  decodeMember(bytes: Buffer): MemberView;
  encodeAssignment(keys: readonly string[]): Buffer;
  decodeAssignment(bytes: Buffer): readonly string[];
}
