// What keeps links and topics from being copied, written down so that people see it wherever they look: pure, from what
// the links' runners say.
import {
  type ConditionRecord,
  conditionKey,
  type FleetState,
  recordVersion,
  rolesOfLink,
} from '../../control/index.ts';
import type { LinkStatus } from '../../link/index.ts';
import { plural } from '../../units.ts';
import type { SourceRoles } from './roles-watch.ts';

/** How the topics of a link stand. */
export interface LinkTopics extends Pick<LinkStatus, 'name' | 'topics' | 'discoveryError'> {
  /** Named by the link one by one, and not at the source. */
  readonly missingTopics: readonly string[];
  /** What its source tells of the roles; null, or absent: it is in no group. */
  readonly roles?: SourceRoles | null;
  /** Why its source could not be told which way it leads; null, or absent: it was told, or nobody reads it there. */
  readonly loopsUnseen?: string | null;
}

/** State of a link's condition while two regions contradict each other; no agent copies anything on it. */
export const splitRoles = 'SplitRoles' satisfies SourceRoles['state'];

/** Entries that are new, other or gone. */
export function conditionEntries(
  state: FleetState,
  links: readonly LinkTopics[],
  nowMs: number,
): Map<string, ConditionRecord | null> {
  const wanted = new Map<string, Condition>();
  for (const link of links) {
    if (!state.links.has(link.name)) continue;
    // Links of a group take turns: nothing is to be seen there.
    const isGrouped = rolesOfLink(state.roles, link.name) !== undefined;
    const told = isGrouped ? { ...link, loopsUnseen: null } : link;
    const ofLink = linkCondition(told, state.conditions.get(link.name));
    if (ofLink !== null) wanted.set(conditionKey(link.name), ofLink);
    for (const topic of link.missingTopics)
      wanted.set(conditionKey(link.name, topic), { state: 'Missing', reason: missing });
    for (const { topic, mirrorTopic, state: topicState, reason } of link.topics) {
      // Not asked for every topic: it passes over all mirrors, and this is done for thousands every second.
      const isOurs = state.mirrors.has(`${link.name}/${topic}`);
      const isHeld =
        topicState === 'Standby' ||
        topicState === 'AwaitsRestore' ||
        topicState === 'Forbidden' ||
        topicState === 'LoopDetected';
      const owner = isOurs || isHeld ? undefined : ownerOf(state, mirrorTopic, link.name);
      if (owner !== undefined)
        wanted.set(conditionKey(link.name, topic), {
          state: 'Conflict',
          reason: conflict(mirrorTopic, owner),
        });
      else if (topicState !== 'Mirrored' && topicState !== 'Stopped')
        wanted.set(conditionKey(link.name, topic), { state: topicState, reason: reason ?? '' });
    }
  }
  const entries = new Map<string, ConditionRecord | null>();
  for (const [key, condition] of wanted) {
    if (state.foreign.has(key)) continue;
    const known = state.conditions.get(key.slice('condition/'.length));
    if (known?.state === condition.state && known.reason === condition.reason) continue;
    const sinceMs = known?.state === condition.state ? known.sinceMs : nowMs;
    entries.set(key, { v: recordVersion, ...condition, sinceMs });
  }
  for (const name of state.conditions.keys())
    if (!wanted.has(`condition/${name}`)) entries.set(`condition/${name}`, null);
  return entries;
}

type Condition = Pick<ConditionRecord, 'state' | 'reason'>;

/** What keeps the whole link, the gravest first; null: nothing does. */
function linkCondition(link: LinkTopics, known: ConditionRecord | undefined): Condition | null {
  const { roles, discoveryError, topics, missingTopics } = link;
  if (roles?.state === splitRoles) return { state: splitRoles, reason: roles.reason };
  // A new leader has to hear the source before it may say that a split is over.
  if (roles?.state === 'Unknown' && known?.state === splitRoles)
    return { state: splitRoles, reason: known.reason };
  if (discoveryError !== null) return { state: 'Trouble', reason: discoveryError };
  if (roles?.state === 'RolesUnseen') return { state: roles.state, reason: roles.reason };
  const loops = topics.filter(({ state }) => state === 'LoopDetected');
  if (loops.length > 0) {
    const [{ topic, reason }] = loops as [(typeof loops)[number]];
    const others = loops.length === 1 ? '' : ` (and ${plural(loops.length - 1, 'more topic')})`;
    return { state: 'LoopDetected', reason: `topic ${topic}${others}: ${reason}` };
  }
  if (link.loopsUnseen != null) return { state: 'LoopsUnseen', reason: link.loopsUnseen };
  if (topics.length + missingTopics.length === 0)
    return { state: 'NothingSelected', reason: nothingSelected };
  return null;
}

const missing = 'the source has no topic of this name yet, or its user may not describe it';
const nothingSelected =
  'the source has no topic that the filters of the link take, or its user may not describe any of them';

/** Another link that writes the topic. */
function ownerOf(state: FleetState, mirrorTopic: string, link: string): string | undefined {
  for (const mirror of state.mirrors.values())
    if (mirror.mirrorTopic === mirrorTopic && mirror.link !== link) return mirror.link;
  return undefined;
}

function conflict(mirrorTopic: string, owner: string): string {
  return `topic ${mirrorTopic} is a mirror of link ${owner}, and a topic is written by one link only; exclude it from one of them`;
}
