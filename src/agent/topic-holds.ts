// Whether a link may copy a topic, and as what, by what the fleet knows: the states of its mirror, roles of its group, rules,
// and flows that would bring it back here.
import type { Cluster } from '../client/index.ts';
import { endOf, flowOf } from '../control/flows.ts';
import { type ControlTopic, type LinkRecord, mirrorKey, rolesOfLink } from '../control/index.ts';
import { mirrorStates, type TopicHold } from '../link/index.ts';
import { type LinkConfig, type LinkFlow, mirrorNameOf } from '../topology/index.ts';
import type { Declared } from './declared-change.ts';
import { FlowBook, LoopWatch } from './flow-book.ts';
import { holdOf, type LinkRole, linkRole } from './link-role.ts';

export interface TopicHoldsOptions {
  readonly control: ControlTopic;
  readonly destination: Cluster;
  /** The replication group of this agent's own file that the link belongs to. */
  readonly declaredGroup?: string;
  /** What rules of the fleet have against copying a topic. Default: nothing. */
  forbids?(topic: string): TopicHold | null;
  /** The newest declaration. */
  record(): LinkRecord;
  /** What is at work; the same object while it is the same. Null: nothing is. */
  standing(): Declared | null;
  /** Kafka's id of the source; undefined while it was not reached. */
  reachedClusterId(): string | undefined;
}

export class TopicHolds {
  readonly #options: TopicHoldsOptions;
  readonly #loops: LoopWatch;
  /** The link as the graph of flows has it, while it is the same. */
  #flow: { readonly of: Declared; readonly key: string; readonly flow: LinkFlow } | null = null;

  constructor(options: TopicHoldsOptions) {
    this.#options = options;
    this.#loops = new LoopWatch(FlowBook.of(options.control));
  }

  /** What roles say of copying a topic. */
  roleOf(topic: string): LinkRole {
    const { control, declaredGroup, record } = this.#options;
    return linkRole(control.state, record(), topic, declaredGroup);
  }

  /** Which life of its mirror a topic is copied in; 0 where it is not copied. */
  incarnationOf(topic: string): number {
    const role = this.roleOf(topic);
    return role.kind === 'copies' ? role.incarnation : 0;
  }

  /** Whether records may come back that the destination has given away before: roles say whose they are. */
  mayReturn(topic: string): boolean {
    return this.roleOf(topic).kind === 'copies';
  }

  /** The id of the source topic that this very mirror was made of; undefined: nobody wrote it down. */
  mirroredFrom(topic: string, mirrorTopicId: string): string | undefined {
    const { control, record } = this.#options;
    const known = control.state.mirrors.get(`${record().name}/${topic}`);
    return known?.mirrorTopicId === mirrorTopicId ? known.sourceTopicId : undefined;
  }

  /** Why nothing of a topic is copied; roles first: where a link stands by, no rule has anything to stop. */
  holdOf(topic: string): TopicHold | null {
    return holdOf(this.roleOf(topic)) ?? this.#options.forbids?.(topic) ?? this.#loopOf(topic);
  }

  /** A mirror without a record is about to be made; a topic that another link mirrors is not ours. */
  mayMirror(topic: string, config: LinkConfig): boolean {
    const { control, record } = this.#options;
    const { name: link, isDeleted } = record();
    const { mirrors, foreign } = control.state;
    // A newer Lockstep has written it: what it is meant to do is not ours to guess.
    if (foreign.has(mirrorKey({ link, sourceTopic: topic }))) return false;
    if (this.holdOf(topic) !== null) return false;
    const own = mirrors.get(`${link}/${topic}`);
    if (own !== undefined) return mirrorStates[own.state].isCopied;
    const mirrorTopic = mirrorNameOf(config, topic);
    for (const mirror of mirrors.values())
      if (mirror.mirrorTopic === mirrorTopic && mirror.link !== link) return false;
    return isDeleted !== true;
  }

  /** Whether the flows that other fleets told of would bring it back here. */
  #loopOf(topic: string): TopicHold | null {
    const { control, destination, record, standing, reachedClusterId } = this.#options;
    const declared = standing();
    if (declared === null) return null;
    const { name, group: ownGroup, sourceClusterId = reachedClusterId() } = record();
    const group = rolesOfLink(control.state.roles, name)?.group ?? ownGroup;
    const key = `${sourceClusterId} ${group}`;
    if (this.#flow?.of !== declared || this.#flow.key !== key) {
      const known = { ...declared.record, ...(sourceClusterId !== undefined && { sourceClusterId }) };
      const end = endOf(destination, known.destination);
      this.#flow = { of: declared, key, flow: flowOf(known, declared.config, { destination: end, group }) };
    }
    return this.#loops.holdOf(this.#flow.flow, topic);
  }
}
