// The metrics of the agent itself and of its links. What the leader alone does or decides (lifecycle, groups, ACLs) is
// told by the leader alone, so that a sum over all agents counts it once.
import { mirrorStates } from '../../link/lifecycle.ts';
import type { AgentView, CertificateView, LinkView } from '../view.ts';
import { Family } from './family.ts';

const dayMs = 24 * 60 * 60 * 1_000;

export class LinkFamilies {
  readonly #build = new Family('gauge', 'lockstep_build_info', 'Always 1; the version of this agent');
  readonly #leader = new Family('gauge', 'lockstep_agent_is_leader', '1 for the agent that leads the fleet');
  readonly #joined = new Family(
    'gauge',
    'lockstep_agent_is_joined',
    '1 while this agent is a member of the group',
  );
  readonly #generation = new Family(
    'gauge',
    'lockstep_group_generation',
    'Generation of the fleet’s group; grows with every change of its members',
  );
  readonly #silence = new Family(
    'gauge',
    'lockstep_source_silence_seconds',
    'Since the source last answered anything',
  );
  readonly #discovery = new Family(
    'gauge',
    'lockstep_discovery_failing',
    '1 while the topics of the source or of the destination can not be listed',
  );
  readonly #held = new Family(
    'gauge',
    'lockstep_held_bytes',
    'Bytes in flight: fetched and not yet appended, or reserved for answers',
  );
  readonly #heldMax = new Family(
    'gauge',
    'lockstep_held_bytes_max',
    'Bound of lockstep_held_bytes; nothing is fetched beyond it',
  );
  readonly #catchingUp = new Family(
    'gauge',
    'lockstep_catching_up_partitions',
    'Partitions of this agent that were not at the end of their logs for seconds; live ones come before them',
  );
  readonly #agentHeld = new Family(
    'gauge',
    'lockstep_agent_held_bytes',
    'Bytes in flight over all links of this process: held, reserved for answers, and copies',
  );
  readonly #agentHeldPeak = new Family(
    'gauge',
    'lockstep_agent_held_bytes_peak',
    'The largest that lockstep_agent_held_bytes has been',
  );
  readonly #agentHeldMax = new Family(
    'gauge',
    'lockstep_agent_held_bytes_max',
    'Bound of lockstep_agent_held_bytes',
  );
  readonly #read = new Family(
    'counter',
    'lockstep_source_read_bytes_total',
    'Bytes of the source’s answers to fetches, which is what a limit (bytesPerSecondMax) counts',
  );
  readonly #limit = new Family(
    'gauge',
    'lockstep_read_limit_bytes_per_second',
    'This agent’s part of what the link may read in a second (bytesPerSecondMax); absent without a limit',
  );
  readonly #limited = new Family(
    'gauge',
    'lockstep_read_limit_holds_back',
    '1 while partitions wait because of the limit; absent without a limit',
  );
  readonly #mirrors = new Family(
    'gauge',
    'lockstep_mirrors',
    'Mirror topics in each state of their life; told by the leader',
  );
  readonly #topics = new Family(
    'gauge',
    'lockstep_topics',
    'Selected topics in each condition (docs/states.md); told by the leader',
  );
  readonly #certificates = new Family(
    'gauge',
    'lockstep_certificate_expires_days',
    'Until a certificate expires that this agent shows to a cluster, trusts, or is shown by a broker',
  );

  get all(): Family[] {
    return [
      this.#build,
      this.#leader,
      this.#joined,
      this.#generation,
      this.#silence,
      this.#discovery,
      this.#held,
      this.#heldMax,
      this.#catchingUp,
      this.#agentHeld,
      this.#agentHeldPeak,
      this.#agentHeldMax,
      this.#read,
      this.#limit,
      this.#limited,
      this.#mirrors,
      this.#topics,
      this.#certificates,
    ];
  }

  addAgent({ agent, generation, memory }: AgentView): void {
    this.#build.add({ version: agent.version, node: process.versions.node }, 1);
    this.#leader.add({}, agent.isLeader ? 1 : 0);
    this.#joined.add({}, generation === null ? 0 : 1);
    this.#generation.add({}, generation);
    this.#agentHeld.add({}, memory.heldBytes);
    this.#agentHeldPeak.add({}, memory.heldBytesPeak);
    this.#agentHeldMax.add({}, memory.heldBytesMax);
  }

  #addReading(link: string, reading: LinkView['reading']): void {
    if (reading === undefined) return;
    const { readBytes, allowance, heldBack } = reading;
    this.#read.add({ link }, readBytes);
    if (allowance === null) return;
    this.#limit.add({ link }, allowance.bytesPerSecondMax * allowance.share);
    this.#limited.add({ link }, heldBack === null ? 0 : 1);
  }

  addLink(view: LinkView, { nowMs, isLeader }: { nowMs: number; isLeader: boolean }): void {
    const link = view.name;
    const { sourceHeardAtMs } = view;
    this.#silence.add(
      { link, source: view.source },
      sourceHeardAtMs === null ? null : Math.max(0, nowMs - sourceHeardAtMs) / 1_000,
    );
    this.#discovery.add({ link }, view.discoveryError === null ? 0 : 1);
    this.#held.add({ link }, view.heldBytes);
    this.#heldMax.add({ link }, view.heldBytesMax);
    this.#catchingUp.add({ link }, view.partitions.filter(({ isCatchingUp }) => isCatchingUp).length);
    this.#addReading(link, view.reading);
    for (const { cluster, kind, subject, expiresAtMs } of firstToExpire(view.certificates))
      this.#certificates.add({ link, cluster, kind, subject }, (expiresAtMs - nowMs) / dayMs);
    if (!isLeader) return;
    for (const state of Object.keys(mirrorStates))
      this.#mirrors.add({ link, state }, view.mirrors.filter((mirror) => mirror.state === state).length);
    for (const [state, topics] of Map.groupBy(view.topics, (topic) => topic.state))
      this.#topics.add({ link, state }, topics.length);
  }
}

/** While one is being replaced there are two of a name; a series has one value. */
function firstToExpire(certificates: readonly CertificateView[]): CertificateView[] {
  const sorted = certificates.toSorted((one, other) => other.expiresAtMs - one.expiresAtMs);
  return [...new Map(sorted.map((each) => [`${each.cluster}/${each.kind}/${each.subject}`, each])).values()];
}
