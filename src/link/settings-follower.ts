// The source's settings change while it is mirrored, and so may the mirror's. setting-rules.ts says which have to be equal.
//
// The problem: a setting that differs tells nothing about who changed it, and a person may have given the mirror a
// longer retention on purpose. The answer: what has to be equal is made equal whoever changed it; of the rest a change
// that was seen at the source is made at the mirror, too, if the mirror still had the former value. Topics that the link
// did not create are told about, never altered; and nobody is fought with (contest.ts).
import type { PartitionStatus } from '../mirror/index.ts';
import type { LinkDestination, SettingChanges } from './clusters.ts';
import { Contest } from './contest.ts';
import { isMadeByLink, isStartOpen, isStartTag, mirrorSettings, type TopicSettings } from './mirror-topic.ts';
import type { Notice } from './notice.ts';
import { type SettingRule, settingRules } from './setting-rules.ts';
import type { SettingsContest } from './topic-status.ts';

export interface SettingsFollowerOptions {
  readonly destination: LinkDestination;
  /** Begins a partition anew that is Blocked, since what blocked it is another now. */
  readonly restart: (topic: string, partition: number) => void;
  /** Settings that are kept equal because somebody asked for it. */
  readonly also: () => readonly string[];
  readonly onNotice: (notice: Notice) => void;
  readonly nowMs: () => number;
}

/** A topic as a look at the settings of both sides found it. */
export interface FollowedTopic {
  readonly topic: string;
  readonly source: TopicSettings;
  readonly mirror: TopicSettings;
  readonly partitions: readonly PartitionStatus[];
  /** Whether the mirror is known to hold all that the source took under its former max.message.bytes. */
  readonly maySizeShrink?: boolean;
  /**
   * Whether both are still the topics that were met: settings are read by name, and a topic that was created anew
   * meanwhile must not give its retention to the mirror of the one that is gone. Asked before anything is changed.
   */
  isStillThere(): Promise<boolean>;
}

/** Not followed while a start is being filled; they get the source's values at its end. */
const heldWhileFilling: ReadonlySet<string> = new Set(['cleanup.policy', 'retention.ms', 'retention.bytes']);
/** What a new setting takes at most to reach the brokers, in ms. */
const graceMs = 2_000;
export const sizeSetting = 'max.message.bytes';

/** What is remembered of a topic between two looks. */
interface Followed {
  /** The source's settings at the last look. */
  seen: TopicSettings | null;
  /** Once recognised it stays ours, whatever somebody makes of its settings. */
  isOurs: boolean;
  /** The mirror's max.message.bytes at the last look, and when it was seen to grow. */
  size: { bytes: number; raisedAtMs: number } | null;
  readonly contest: Contest;
  contested: SettingsContest | null;
  said: string | null;
}

export class SettingsFollower {
  readonly #options: SettingsFollowerOptions;
  readonly #topics = new Map<string, Followed>();

  constructor(options: SettingsFollowerOptions) {
    this.#options = options;
  }

  /** Set while somebody else keeps changing settings of a mirror back. */
  contestOf(topic: string): SettingsContest | null {
    return this.#topics.get(topic)?.contested ?? null;
  }

  /** @throws LockstepError when the mirror's settings can't be changed; tried again at the next look. */
  async look(found: FollowedTopic): Promise<void> {
    const { topic, source, mirror, partitions } = found;
    const known = this.#followed(topic);
    known.isOurs ||= isMadeByLink(mirror);
    const before = { seen: known.seen, also: this.#options.also() };
    let bytes = Number(mirror.get(sizeSetting)?.value ?? 0);
    if (known.isOurs) {
      const made = await this.#follow(known, found, settingChanges(found, before));
      if (made === null) return;
      bytes = Number(made[sizeSetting] ?? bytes);
    } else this.#tell(known, topic, changesToTell(found, before), mirror);
    // Seen only now: a change that could not be made is one still.
    known.seen = source;
    this.#restartBlocked(known, topic, bytes, partitions);
  }

  /** Resolves with what was changed; null where these are other topics by now. */
  async #follow(
    known: Followed,
    { topic, mirror, isStillThere }: FollowedTopic,
    needed: SettingChanges,
  ): Promise<SettingChanges | null> {
    const { destination, nowMs } = this.#options;
    const due = known.contest.due(needed, nowMs());
    this.#noteContest(known, topic);
    if (Object.keys(due).length === 0) return due;
    if (!(await isStillThere())) return null;
    await destination.alterTopic(topic, due);
    known.contest.made(due, nowMs());
    this.#notice(
      'info',
      `topic ${destination.mirrorName(topic)}: ${describeChanges(due, mirror)}, as at the source`,
    );
    return due;
  }

  /** Said when it begins and when it is over. */
  #noteContest(known: Followed, topic: string): void {
    const { nowMs, destination } = this.#options;
    const name = destination.mirrorName(topic);
    const settings = known.contest.contested;
    if (settings.length === 0) {
      if (known.contested !== null)
        this.#notice('info', `topic ${name}: its settings are left as we set them again`);
      known.contested = null;
      return;
    }
    const names = settings.map((setting) => setting.name).join(', ');
    const reason =
      `somebody else keeps changing ${names} of ${name} back; the link sets it again, ever more slowly. Let whoever does ` +
      'that leave the mirror alone, or give it the values of the source';
    if (known.contested === null) this.#notice('warning', `topic ${name}: ForeignOwner: ${reason}`);
    known.contested = {
      state: 'ForeignOwner',
      reason,
      sinceMs: known.contested?.sinceMs ?? nowMs(),
      nextTryAtMs: Math.min(...settings.map(({ nextTryAtMs }) => nextTryAtMs)),
    };
  }

  /** Said once for each set of changes. */
  #tell(known: Followed, topic: string, changes: SettingChanges, mirror: TopicSettings): void {
    const name = this.#options.destination.mirrorName(topic);
    const text =
      `topic ${topic}: the source has other settings now (${describeChanges(changes, mirror)}); this link did not ` +
      `create the mirror and leaves it alone: kafka-configs --alter --entity-type topics --entity-name ${name} ` +
      commandOf(changes);
    const isNone = Object.keys(changes).length === 0;
    if (!isNone && known.said !== text) this.#notice('warning', text);
    known.said = isNone ? null : text;
  }

  #restartBlocked(
    followed: Followed,
    topic: string,
    bytes: number,
    partitions: readonly PartitionStatus[],
  ): void {
    const known = followed.size ?? { bytes, raisedAtMs: Number.NEGATIVE_INFINITY };
    const raisedAtMs = bytes > known.bytes ? this.#options.nowMs() : known.raisedAtMs;
    followed.size = { bytes, raisedAtMs };
    for (const { partition, state, sinceMs } of partitions) {
      // Brokers refuse by the former limit for a moment.
      if (state !== 'Blocked' || sinceMs > raisedAtMs + graceMs) continue;
      this.#notice(
        'info',
        `${topic}-${partition}: ${sizeSetting} is ${bytes} now; it was Blocked and begins anew`,
      );
      this.#options.restart(topic, partition);
    }
  }

  #followed(topic: string): Followed {
    let known = this.#topics.get(topic);
    if (known === undefined) {
      const contest = new Contest();
      known = { seen: null, isOurs: false, size: null, contest, contested: null, said: null };
      this.#topics.set(topic, known);
    }
    return known;
  }

  #notice(level: Notice['level'], text: string): void {
    this.#options.onNotice({ atMs: this.#options.nowMs(), level, text });
  }
}

/** What was known before a look: the source's settings (null: nothing was seen yet), and what is kept equal on request. */
export interface SettingsBefore {
  readonly seen: TopicSettings | null;
  readonly also: readonly string[];
}

type FoundSettings = Pick<FollowedTopic, 'source' | 'mirror' | 'maySizeShrink'>;

/** What has to be changed at a mirror that is ours. */
export function settingChanges(found: FoundSettings, before: SettingsBefore): SettingChanges {
  return changesOf(found, before, (rule) => rule.kind === 'always' || before.also.includes(rule.name));
}

/** What is told about a mirror that is somebody else's: changes that were seen at the source, and what stops the mirror. */
function changesToTell(found: FoundSettings, before: SettingsBefore): SettingChanges {
  return changesOf(found, before, ({ name }) => name === sizeSetting, { withFixed: false });
}

function changesOf(
  { source, mirror, maySizeShrink = false }: FoundSettings,
  { seen }: SettingsBefore,
  isKeptEqual: (rule: SettingRule) => boolean,
  { withFixed = true }: { withFixed?: boolean } = {},
): SettingChanges {
  const former = seen === null ? null : mirrorSettings(seen);
  const wanted = mirrorSettings(source);
  const isFilling = isStartOpen(mirror);
  const changes: Record<string, string | null> = {};
  for (const rule of settingRules) {
    const { name, kind, value: fixed } = rule;
    const held = mirror.get(name);
    if (kind === 'never' || (isFilling && heldWhileFilling.has(name))) continue;
    if (fixed !== undefined) {
      const isOther = held !== undefined && held.value !== fixed && !isStartTag(name, mirror);
      if (withFixed && isOther) changes[name] = fixed;
    } else if (isKeptEqual(rule)) {
      const needed = source.get(name)?.value;
      if (needed === undefined || needed === (held?.value ?? null)) continue;
      const isSmaller = name === sizeSetting && Number(needed) < Number(held?.value ?? 0);
      if (!isSmaller || maySizeShrink) changes[name] = needed;
    } else if (former !== null) {
      const own = held?.isSetOnTopic === true ? held.value : undefined;
      const isChanged = former[name] !== wanted[name];
      if (isChanged && own === former[name] && own !== wanted[name]) changes[name] = wanted[name] ?? null;
    }
  }
  return changes;
}

function describeChanges(changes: SettingChanges, mirror: TopicSettings): string {
  return Object.entries(changes)
    .map(([name, value]) => `${name} ${mirror.get(name)?.value ?? 'unset'} -> ${value ?? 'the default'}`)
    .join(', ');
}

function commandOf(changes: SettingChanges): string {
  const entries = Object.entries(changes);
  const added = entries.filter(([, value]) => value !== null).map(([name, value]) => `${name}=[${value}]`);
  const deleted = entries.filter(([, value]) => value === null).map(([name]) => name);
  return [
    ...(added.length > 0 ? [`--add-config ${added.join(',')}`] : []),
    ...(deleted.length > 0 ? [`--delete-config ${deleted.join(',')}`] : []),
  ].join(' ');
}
