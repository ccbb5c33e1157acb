// What is written for those who read MirrorMaker 2's internal topics, and how that stands. Statuses are JSON-able.

/** How it stands with heartbeats, or with the checkpoints of a link. */
const tellingStates = {
  Starting: 'nothing was written yet',
  Telling: 'what is asked for is written',
  SourceUnheard: 'the source does not tell positions; the checkpoints that stand stay',
  TopicIsMirror: 'a link mirrors into a topic of this name, so nothing else is written there',
  NotAuthorized: 'a right is missing',
  Failed: 'the destination does not answer, or refuses',
} as const;
export type TellingState = keyof typeof tellingStates;

export interface TellingStatus {
  /** At the destination. */
  readonly topic: string;
  readonly state: TellingState;
  readonly reason: string | null;
  /** Since when the state is this one, ms. */
  readonly sinceMs: number;
  /** When a record was last acknowledged, ms; null: none by this agent. Checkpoints are written only where something changed. */
  readonly lastWrittenAtMs: number | null;
}

export interface HeartbeatStatus extends TellingStatus {
  readonly sourceAlias: string;
  readonly destinationAlias: string;
}

export interface CheckpointStatus extends TellingStatus {
  /** Positions that stand in the topic by what this agent wrote. */
  readonly positionCount: number;
}
