// Carries a plan out: applies each fault at its time, undoes it, and counts what really happened.
import { setTimeout as pause } from 'node:timers/promises';
import type { ProxyCounts, TcpProxy } from '../../test/support/tcp-proxy.ts';
import type { SoakFleet } from './fleet.ts';
import type { BrokerRole, Fault, Plan, PlannedFault, Side } from './plan.ts';
import type { ProxiedRegion } from './regions.ts';

export interface FaultCounts {
  agentKills: number;
  agentFreezes: number;
  /** Agents that were frozen for longer than their session. */
  agentOutsleeps: number;
  agentStops: number;
  brokerKills: number;
  brokerFreezes: number;
  brokerRestarts: number;
  networkFaults: number;
  trims: number;
  /** Faults whose time had passed, because the one before took longer to undo than planned. */
  skipped: number;
}

export interface FaultTargets {
  readonly fleet: SoakFleet;
  /** The id of the destination's broker that has this part now. */
  readonly brokerInRole: (role: BrokerRole) => Promise<number>;
  readonly sides: Readonly<Record<Side, ProxiedRegion>>;
  /** DeleteRecords of that share of each partition of the trimmed topic. */
  readonly trim: (share: number) => Promise<void>;
  readonly say: (text: string) => void;
}

export class FaultRunner {
  readonly counts: FaultCounts = {
    agentKills: 0,
    agentFreezes: 0,
    agentOutsleeps: 0,
    agentStops: 0,
    brokerKills: 0,
    brokerFreezes: 0,
    brokerRestarts: 0,
    networkFaults: 0,
    trims: 0,
    skipped: 0,
  };
  readonly #targets: FaultTargets;

  constructor(targets: FaultTargets) {
    this.#targets = targets;
  }

  /** Runs all tracks side by side; everything is undone when it resolves. */
  async run(plan: Plan, { durationMs, signal }: { durationMs: number; signal: AbortSignal }): Promise<void> {
    const startedAtMs = Date.now();
    await Promise.all(
      Object.values(plan).map((track) => this.#runTrack(track, { startedAtMs, durationMs, signal })),
    );
    const leftMs = startedAtMs + durationMs - Date.now();
    if (leftMs > 0) await pause(leftMs, undefined, { signal });
  }

  async #runTrack(
    track: readonly PlannedFault[],
    options: { startedAtMs: number; durationMs: number; signal: AbortSignal },
  ): Promise<void> {
    const { startedAtMs, durationMs, signal } = options;
    for (const { atMs, forMs, fault } of track) {
      signal.throwIfAborted();
      const elapsedMs = Date.now() - startedAtMs;
      if (elapsedMs > durationMs) this.counts.skipped++;
      else {
        if (atMs > elapsedMs) await pause(atMs - elapsedMs, undefined, { signal });
        this.#targets.say(`${describe(fault)}${forMs > 0 ? `, for ${forMs} ms` : ''}`);
        const undo = await this.#apply(fault, forMs);
        await undo();
      }
    }
  }

  /** Answers, when the fault's time is over, with what undoes it. */
  async #apply(fault: Fault, forMs: number): Promise<() => Promise<void> | void> {
    const undo = await this.#begin(fault);
    await pause(forMs);
    return undo;
  }

  async #begin(fault: Fault): Promise<() => Promise<void> | void> {
    switch (fault.kind) {
      case 'agent':
        return this.#applyToAgent(fault);
      case 'broker':
        return this.#applyToBroker(fault);
      case 'network':
        return this.#applyToNetwork(fault);
      case 'trim':
        await this.#targets.trim(fault.share);
        this.counts.trims++;
        return () => {};
    }
  }

  async #applyToAgent({ agent: index, how }: Fault & { kind: 'agent' }): Promise<() => void> {
    const agent = this.#targets.fleet.agents[index]!;
    switch (how) {
      case 'kill':
        await agent.kill();
        this.counts.agentKills++;
        return () => agent.start();
      case 'stop': {
        const code = await agent.stop();
        if (code !== 0) agent.complaints.push(`${agent.name}: exit code ${code} when it was told to stop`);
        this.counts.agentStops++;
        return () => agent.start();
      }
      case 'freeze':
      case 'outsleep':
        agent.freeze();
        if (how === 'freeze') this.counts.agentFreezes++;
        else this.counts.agentOutsleeps++;
        return () => agent.resume();
    }
  }

  async #applyToBroker({
    side,
    broker: wanted,
    how,
  }: Fault & { kind: 'broker' }): Promise<() => Promise<void>> {
    const { sides, brokerInRole, say } = this.#targets;
    const { brokers } = sides[side].region;
    const id = typeof wanted === 'number' ? brokers[wanted]!.id : await brokerInRole(wanted);
    if (typeof wanted !== 'number') say(`${wanted} is broker ${id}`);
    const broker = brokers.find((each) => each.id === id)!;
    if (how === 'freeze') {
      broker.pause();
      this.counts.brokerFreezes++;
      return async () => broker.resume();
    }
    await broker[how]();
    if (how === 'kill') this.counts.brokerKills++;
    else this.counts.brokerRestarts++;
    return () => broker.start();
  }

  #applyToNetwork({ side, broker, fault }: Fault & { kind: 'network' }): () => void {
    const all = this.#targets.sides[side].proxies;
    const hit: readonly TcpProxy[] = broker === null ? all : [all[broker]!];
    this.counts.networkFaults++;
    for (const proxy of hit) {
      if (fault.kind === 'cutAll') proxy.cutAll();
      else proxy.setFault(fault);
    }
    return () => {
      for (const proxy of hit) proxy.setFault({ kind: 'none' });
    };
  }
}

/** What the proxies of all brokers did, in sum. */
export function proxyTotals(sides: Readonly<Record<Side, ProxiedRegion>>): ProxyCounts {
  const [first, ...others] = Object.values(sides).flatMap(({ proxies }) =>
    proxies.map(({ counts }) => counts),
  );
  const sum = { ...first! };
  for (const counts of others)
    for (const name of Object.keys(sum) as (keyof ProxyCounts)[]) sum[name] += counts[name];
  return sum;
}

function describe(fault: Fault): string {
  switch (fault.kind) {
    case 'agent':
      return `agent ${fault.agent + 1}: ${fault.how}`;
    case 'broker':
      return `${fault.side} broker ${typeof fault.broker === 'number' ? fault.broker + 1 : fault.broker}: ${fault.how}`;
    case 'network': {
      const { kind, ...rest } = fault.fault;
      const numbers = Object.entries(rest).map(([name, value]) => `${name} ${value}`);
      const where = fault.broker === null ? 'all brokers' : `broker ${fault.broker + 1}`;
      return `network of ${fault.side}, ${where}: ${[kind, ...numbers].join(' ')}`;
    }
    case 'trim':
      return `DeleteRecords of ${Math.round(fault.share * 100)} % of the log`;
  }
}
