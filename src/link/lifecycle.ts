// The life of one mirror topic, as data: which states there are, and what leads from one to another.
//
//                     ┌────────── pause ──────────┐
//                     ▼                           │
//   create ──► Mirroring ──────────────────► (Paused)
//                 │   ▲  ◄──────── resume ────────┘
//         promote │   │ timedOut (writes go on, lag stays)
//                 ▼   │
//              Draining ──── drained ──┐
//                                      ▼
//   promote --now ─────────────────► Closing ── closed ──► Promoted
//
//   delete: from every state; the topic itself stays, unless asked otherwise.
//
// What keeps a mirror from being copied (its topic was created again, a setting does not fit) is a condition of its
// own (`TopicState`, docs/states.md), not a step of this life.

/** What a mirror is meant to do; the leader of the fleet alone changes it. */
export const mirrorStates = {
  Mirroring: { isCopied: true, meaning: 'copied from the source' },
  Paused: { isCopied: false, meaning: 'kept as it is; a resume goes on where the log ends' },
  Draining: {
    isCopied: true,
    meaning: 'a planned promotion waits until writes have stopped and the lag is zero',
  },
  Closing: { isCopied: false, meaning: 'a promotion shuts out every agent and grants what was withheld' },
  Promoted: { isCopied: false, meaning: 'a topic of its own, open for writes' },
} as const;
export type MirrorState = keyof typeof mirrorStates;

/** What happens to a mirror: commands, and what a promotion reports. */
export type MirrorEvent = 'pause' | 'resume' | 'promote' | 'promoteNow' | 'timedOut' | 'drained' | 'closed';

const transitions: Readonly<Record<MirrorState, Partial<Record<MirrorEvent, MirrorState>>>> = {
  Mirroring: { pause: 'Paused', promote: 'Draining', promoteNow: 'Closing' },
  Paused: { resume: 'Mirroring', promoteNow: 'Closing' },
  Draining: { timedOut: 'Mirroring', drained: 'Closing', promoteNow: 'Closing', pause: 'Paused' },
  Closing: { closed: 'Promoted' },
  Promoted: {},
};

/** The state after an event; undefined where the event has no place in this state. */
export function nextMirrorState(state: MirrorState, event: MirrorEvent): MirrorState | undefined {
  return transitions[state][event];
}

/** The events that a state allows, in the order of the table. */
export function allowedEvents(state: MirrorState): readonly MirrorEvent[] {
  return Object.keys(transitions[state]) as MirrorEvent[];
}
