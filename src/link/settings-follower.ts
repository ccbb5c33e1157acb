// The source's settings change while it is mirrored. What a new mirror takes over from them it follows afterwards.
//
// The problem: a setting that differs tells nothing about who changed it, and a person may have given the mirror a
// longer retention on purpose. The answer: a change that was seen at the source is made at the mirror, too, if the
// mirror still had the former value. `max.message.bytes` is also raised when it merely differs: less than the source
// takes can only stop the mirror. Topics that the link did not create are told about, never altered.
import type { PartitionStatus } from '../mirror/index.ts';
import type { LinkDestination, SettingChanges } from './clusters.ts';
import {
  copiedAlways,
  copiedWhenSet,
  isMadeByLink,
  isStartOpen,
  mirrorSettings,
  type TopicSettings,
} from './mirror-topic.ts';
import type { Notice } from './notice.ts';

export interface SettingsFollowerOptions {
  readonly destination: LinkDestination;
  /** Begins a partition anew that is Blocked, since what blocked it is another now. */
  readonly restart: (topic: string, partition: number) => void;
  readonly onNotice: (notice: Notice) => void;
  readonly nowMs: () => number;
}

const followed: readonly string[] = [...copiedAlways, ...copiedWhenSet];
/** Not followed while a start is being filled; they get the source's values at its end. */
const heldWhileFilling: ReadonlySet<string> = new Set(['cleanup.policy', 'retention.ms', 'retention.bytes']);
/** What a new setting takes at most to reach the brokers, in ms. */
const graceMs = 2_000;
const sizeSetting = 'max.message.bytes';

export class SettingsFollower {
  readonly #options: SettingsFollowerOptions;
  /** The source's settings at the last look. */
  readonly #seen = new Map<string, TopicSettings>();
  /** The mirror's max.message.bytes at the last look, and when it was seen to grow. */
  readonly #sizes = new Map<string, { bytes: number; raisedAtMs: number }>();
  readonly #said = new Map<string, string>();

  constructor(options: SettingsFollowerOptions) {
    this.#options = options;
  }

  /** @throws LockstepError when the mirror's settings can't be changed; tried again at the next look. */
  async look(
    topic: string,
    source: TopicSettings,
    mirror: TopicSettings,
    partitions: readonly PartitionStatus[],
  ): Promise<void> {
    const changes = settingChanges(this.#seen.get(topic) ?? null, source, mirror);
    const isFollowed = isMadeByLink(mirror);
    if (Object.keys(changes).length === 0) this.#said.delete(topic);
    else if (isFollowed) await this.#follow(topic, changes, mirror);
    else this.#tell(topic, changes, mirror);
    // Seen only now: a change that could not be made is one still.
    this.#seen.set(topic, source);
    const size = (isFollowed ? changes[sizeSetting] : null) ?? mirror.get(sizeSetting)?.value ?? 0;
    this.#restartBlocked(topic, Number(size), partitions);
  }

  async #follow(topic: string, changes: SettingChanges, mirror: TopicSettings): Promise<void> {
    await this.#options.destination.alterTopic(topic, changes);
    this.#notice('info', `topic ${topic}: ${describeChanges(changes, mirror)}, as at the source`);
  }

  /** Said once for each set of changes. */
  #tell(topic: string, changes: SettingChanges, mirror: TopicSettings): void {
    const text =
      `topic ${topic}: the source has other settings now (${describeChanges(changes, mirror)}); this link did not ` +
      `create the mirror and leaves it alone: kafka-configs --alter --entity-type topics --entity-name ${topic} ` +
      commandOf(changes);
    if (this.#said.get(topic) === text) return;
    this.#said.set(topic, text);
    this.#notice('warning', text);
  }

  #restartBlocked(topic: string, bytes: number, partitions: readonly PartitionStatus[]): void {
    const known = this.#sizes.get(topic) ?? { bytes, raisedAtMs: Number.NEGATIVE_INFINITY };
    const raisedAtMs = bytes > known.bytes ? this.#options.nowMs() : known.raisedAtMs;
    this.#sizes.set(topic, { bytes, raisedAtMs });
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

  #notice(level: Notice['level'], text: string): void {
    this.#options.onNotice({ atMs: this.#options.nowMs(), level, text });
  }
}

/** What the mirror has to take over of what became of the source since `before`; null: nothing was seen yet. */
export function settingChanges(
  before: TopicSettings | null,
  source: TopicSettings,
  mirror: TopicSettings,
): SettingChanges {
  const [wantedBefore, wanted] = [before === null ? null : mirrorSettings(before), mirrorSettings(source)];
  const isFilling = isStartOpen(mirror);
  const changes: Record<string, string | null> = {};
  for (const name of followed) {
    if (isFilling && heldWhileFilling.has(name)) continue;
    const [former, value] = [wantedBefore?.[name], wanted[name]];
    const held = mirror.get(name);
    const own = held?.isSetOnTopic === true ? held.value : undefined;
    const isChanged = wantedBefore !== null && former !== value;
    if (isChanged && own === former && own !== value) changes[name] = value ?? null;
  }
  const [needed, has] = [source, mirror].map((settings) => Number(settings.get(sizeSetting)?.value ?? 0));
  if (needed! > has!) changes[sizeSetting] = String(needed);
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
