// An agent, as it tells of itself.
import type { CheckpointStatus, HeartbeatStatus } from '../../link/mirror-maker/types.ts';

export interface AgentRecord {
  readonly v: number;
  readonly id: string;
  readonly version: string;
  readonly host: string;
  readonly pid: number;
  /** Where its HTTP API listens; null when it has none. */
  readonly api: string | null;
  readonly startedAtMs: number;
  readonly atMs: number;
  readonly isLeader: boolean;
  readonly partitionCount: number;
  /** When the source of each link last answered this agent, ms. */
  readonly heardAtMs?: Readonly<Record<string, number>>;
  /** Whom the destination takes it for, as far as its credentials tell: who stops producers by rules must not stop agents. */
  readonly principal?: string | null;
  /** Heartbeats that its own file asks for; whoever leads the fleet writes them as long as an agent asks. */
  readonly heartbeats?: readonly BeatDeclaration[];
  /** What it writes for MirrorMaker 2's readers, where it leads, and how that stands. */
  readonly told?: readonly ToldRecord[];
}

/** Heartbeats of MirrorMaker 2 into this destination. */
export interface BeatDeclaration {
  readonly sourceAlias: string;
  readonly destinationAlias: string;
  readonly everyMs: number;
  /** Of the topic, where it has to be created. */
  readonly replicationFactor?: number;
}

/** One topic of MirrorMaker 2's readers; states in docs/states.md. */
export type ToldRecord =
  | ({ readonly kind: 'heartbeats' } & HeartbeatStatus)
  | ({ readonly kind: 'checkpoints'; readonly link: string } & CheckpointStatus);
