// An agent of a fleet as a process of its own, for tests that kill, freeze and replace it: tells on stdout what it does, a
// line of JSON for each. Its argument is AgentProcessOptions as JSON. SIGTERM stops it cleanly.
import { checkTogether, resolveConfig, resolveRecord, resolveSource } from '../../src/agent/declarations.ts';
import { FleetAgent } from '../../src/agent/fleet-agent.ts';
import type { BrokerAddress } from '../../src/client/index.ts';
import { nextProtocols } from './next-protocol.ts';

export interface AgentProcessOptions {
  readonly id: string;
  readonly destination: { readonly name: string; readonly bootstrap: readonly BrokerAddress[] };
  readonly sessionTimeoutMs?: number;
  /** It speaks the next version of the group protocol, too. */
  readonly isNext?: boolean;
}

/** Something that changed at an agent. Partitions are `link/topic/partition`. */
export interface ToldLine {
  readonly atMs: number;
  /** Partitions that copy from now on, and those that do not any more. */
  readonly began?: readonly string[];
  readonly ended?: readonly string[];
  readonly notice?: string;
  readonly isReady?: boolean;
  readonly isLeader?: boolean;
}

const lookEveryMs = 20;
/** States of a partition that copies, or waits for what its source does. */
const copying = new Set([
  'Mirroring',
  'WaitingForTransaction',
  'WaitingAtHole',
  'ClaimingHole',
  'FillingHole',
]);

const { isNext, ...options } = JSON.parse(process.argv[2]!) as AgentProcessOptions;
const { id: agentId, destination, sessionTimeoutMs } = options;
const tell = (line: Omit<ToldLine, 'atMs'>) =>
  process.stdout.write(`${JSON.stringify({ atMs: Date.now(), ...line })}\n`);
const stopping = new AbortController();
process.on('SIGTERM', () => stopping.abort());
tell({ isReady: false });

let agent: FleetAgent | undefined;
let before = { isReady: false, isLeader: false, copied: new Set<string>() };

function look(): void {
  if (agent === undefined) return;
  const copied = new Set(
    agent
      .linkStatuses()
      .flatMap(({ name, partitions }) =>
        partitions.flatMap(({ topic, partition, state }) =>
          copying.has(state) ? [`${name}/${topic}/${partition}`] : [],
        ),
      ),
  );
  const began = [...copied].filter((key) => !before.copied.has(key));
  const ended = [...before.copied].filter((key) => !copied.has(key));
  const isReady = agent.isReady().ok;
  const { isLeader } = agent.view().agent;
  if (began.length > 0) tell({ began });
  if (ended.length > 0) tell({ ended });
  if (isReady !== before.isReady) tell({ isReady });
  if (isLeader !== before.isLeader) tell({ isLeader });
  before = { isReady, isLeader, copied };
}

const timer = setInterval(look, lookEveryMs);
await FleetAgent.run(
  {
    ...{ destination, agentId, version: 'test', signal: stopping.signal, resolveConfig, checkTogether },
    ...(sessionTimeoutMs !== undefined && { sessionTimeoutMs }),
    ...(isNext === true && { protocols: nextProtocols }),
    resolve: (record) => resolveRecord(record, { folder: process.cwd(), environment: process.env }),
    resolveSource: (source, link) =>
      resolveSource(source, link, { folder: process.cwd(), environment: process.env }),
    onNotice: (link, { level, text }) => tell({ notice: `${link ?? '-'}: ${level}: ${text}` }),
  },
  (started) => {
    agent = started;
    tell({ isReady: false });
  },
);
clearInterval(timer);
look();
// As the command does: a connection that is being opened may still wait for a broker that does not answer.
process.exit();
