// Which faults happen when: a pure function of the seed and the length, so that a run can be had again. Each track
// is a sequence of its own; tracks overlap freely, so an agent may be killed while a broker is down and the network
// is slow. Within a track one fault ends before the next begins: at most one broker of a side is away at a time.
import { SeededRandom } from '../../src/mirror/simulation/random.ts';
import type { Fault as ProxyFault } from '../../test/support/tcp-proxy.ts';

export type BrokerRole = 'controlLeader' | 'fleetCoordinator';
export type Side = 'source' | 'destination';

export type Fault =
  /**
   * kill: SIGKILL, started again afterwards. freeze: SIGSTOP, SIGCONT afterwards. outsleep: frozen for longer than its
   * session, so that it wakes beside those that took over from it. stop: SIGTERM, started again afterwards.
   */
  | { readonly kind: 'agent'; readonly agent: number; readonly how: 'kill' | 'freeze' | 'outsleep' | 'stop' }
  /** stop is a clean restart, which moves leaders in an orderly way. */
  | {
      readonly kind: 'broker';
      readonly side: Side;
      /** The number of one, or whoever it is then: the leader of the control topic, the coordinator of the fleet. */
      readonly broker: number | BrokerRole;
      readonly how: 'kill' | 'freeze' | 'stop';
    }
  /** Agents' connections to one broker, or to all of a side (null). */
  | {
      readonly kind: 'network';
      readonly side: Side;
      readonly broker: number | null;
      readonly fault: ProxyFault | { readonly kind: 'cutAll' };
    }
  /** DeleteRecords at the source: this share of each partition's log, from its start; 1 is up to its end. */
  | { readonly kind: 'trim'; readonly share: number };

export interface PlannedFault {
  readonly atMs: number;
  readonly forMs: number;
  readonly fault: Fault;
}

export interface PlanOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly brokers: Readonly<Record<Side, number>>;
  readonly agents: number;
}

/** Faults by track. */
export type Plan = Readonly<Record<TrackName, readonly PlannedFault[]>>;
export type TrackName =
  | 'agents'
  | 'last agent'
  | 'destination brokers'
  | 'source brokers'
  | 'destination network'
  | 'source network'
  | 'trims';

type Range = readonly [min: number, max: number];
interface Track {
  /** Quiet time before each fault, ms. */
  readonly pauseMs: Range;
  /** How long a fault lasts, ms. */
  readonly forMs: Range;
  /** Added to that, at any pace, ms. */
  readonly extraMs?: (fault: Fault) => number;
  readonly make: (random: SeededRandom) => Fault;
}

/**
 * A fleet needs some seconds to take over, a broker to be back and in sync: what is killed all the time does nothing
 * that could go wrong. A run shorter than this has its pauses and faults shortened, to fit more than one of each.
 */
const fullPaceMs = 60_000;
const paceMin = 0.25;
/** Longer than an agent's session of 10 s, ms. */
const outsleepMs = 10_500;

export function planFaults(options: PlanOptions): Plan {
  const { seed, durationMs, brokers, agents } = options;
  const pace = Math.min(1, Math.max(paceMin, durationMs / fullPaceMs));
  const tracks: Record<TrackName, Track> = {
    // Two tracks of agents, so that two of them may be away at once; one is always left.
    agents: agentTrack(0, agents - 2, durationMs),
    'last agent': agentTrack(agents - 1, agents - 1, durationMs),
    'destination brokers': {
      pauseMs: [6_000, 20_000],
      forMs: [300, 6_000],
      make: (random) => brokerFault(random, 'destination', brokers.destination),
    },
    'source brokers': {
      pauseMs: [20_000, 50_000],
      forMs: [300, 4_000],
      make: (random) => brokerFault(random, 'source', brokers.source),
    },
    'destination network': {
      pauseMs: [3_000, 12_000],
      forMs: [200, 5_000],
      make: (random) => networkFault(random, 'destination', brokers.destination),
    },
    'source network': {
      pauseMs: [3_000, 15_000],
      forMs: [200, 5_000],
      make: (random) => networkFault(random, 'source', brokers.source),
    },
    trims: {
      pauseMs: [4_000, 12_000],
      forMs: [0, 0],
      make: (random) => ({ kind: 'trim', share: random.chance(0.3) ? 1 : random.next() }),
    },
  };
  const plan = {} as Record<TrackName, readonly PlannedFault[]>;
  for (const [index, name] of (Object.keys(tracks) as TrackName[]).entries()) {
    // Each track has its own stream, so that a change to one leaves the others as they were.
    const random = new SeededRandom(seed * 7919 + index * 104_729);
    plan[name] = planTrack(random, tracks[name], { durationMs, pace });
  }
  return plan;
}

function planTrack(
  random: SeededRandom,
  track: Track,
  { durationMs, pace }: { durationMs: number; pace: number },
): PlannedFault[] {
  const within = ([min, max]: Range): number => Math.round(random.integer(min, max) * pace);
  const faults: PlannedFault[] = [];
  let atMs = within(track.pauseMs);
  while (atMs < durationMs) {
    const fault = track.make(random);
    const forMs = within(track.forMs) + (track.extraMs?.(fault) ?? 0);
    if (atMs + forMs > durationMs) break;
    faults.push({ atMs, forMs, fault });
    atMs += forMs + within(track.pauseMs);
  }
  return faults;
}

/** Faults of the agents with these numbers, one at a time. */
function agentTrack(first: number, last: number, durationMs: number): Track {
  const ways = ['kill', 'kill', 'freeze', 'stop'] as const;
  const isLong = durationMs > 3 * outsleepMs;
  return {
    pauseMs: [6_000, 16_000],
    forMs: [300, 6_000],
    extraMs: (fault) => (fault.kind === 'agent' && fault.how === 'outsleep' ? outsleepMs : 0),
    make: (random) => ({
      kind: 'agent',
      agent: random.integer(first, last),
      how: pick(random, isLong ? ([...ways, 'outsleep'] as const) : ways),
    }),
  };
}

function brokerFault(random: SeededRandom, side: Side, brokers: number): Fault {
  const how = pick(random, ['kill', 'kill', 'freeze', 'stop'] as const);
  const any = random.integer(0, brokers - 1);
  // A third of them hit whom the fleet itself leans on.
  const roles = ['controlLeader', 'fleetCoordinator'] as const;
  const broker = side === 'destination' && random.chance(1 / 3) ? pick(random, roles) : any;
  return { kind: 'broker', side, broker, how };
}

function networkFault(random: SeededRandom, side: Side, brokers: number): Fault {
  const broker = random.chance(0.4) ? null : random.integer(0, brokers - 1);
  const direction = pick(random, ['up', 'down'] as const);
  const fault = pick<() => ProxyFault | { kind: 'cutAll' }>(random, [
    () => ({ kind: 'delay', delayMs: random.integer(5, 150), jitterMs: random.integer(0, 150) }),
    () => ({ kind: 'bandwidth', bytesPerSecond: random.integer(10_000, 400_000), direction }),
    () => ({ kind: 'trickle', direction }),
    () => ({ kind: 'stall', direction }),
    () => ({ kind: 'halfOpen' }),
    () => ({ kind: 'cutInFrame', frameBytesMin: random.integer(100, 2_000), direction }),
    () => ({ kind: 'cutInFrame', frameBytesMin: random.integer(100, 2_000), direction }),
    () => ({ kind: 'cut', afterBytes: random.integer(0, 20_000), direction }),
    () => ({ kind: 'cutAll' }),
    () => ({ kind: 'refuse' }),
  ])();
  return { kind: 'network', side, broker, fault };
}

function pick<T>(random: SeededRandom, choices: readonly T[]): T {
  return choices[random.integer(0, choices.length - 1)]!;
}
