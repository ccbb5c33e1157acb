// What a mirror topic's settings have to be, and whether an existing topic may become a mirror.
// The reasons stand in docs/mirror-topics.md; the broker's checks in LogValidator and LogConfig.
import { type SettingRule, settingRules } from './setting-rules.ts';

/** Settings under which every batch lands as it is sent. They do not depend on the source. */
export const settingsOfEveryMirror: Readonly<Record<string, string>> = Object.fromEntries(
  settingRules.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])),
);

/** Taken from the source with their effective values: a shorter retention would delete old records once copied. */
const copiedAlways = namesCreated('effective');

/** Taken from the source where they are set on the topic itself. */
const copiedWhenSet = namesCreated('whenSet');

function namesCreated(how: SettingRule['created']): readonly string[] {
  return settingRules.filter(({ created }) => created === how).map(({ name }) => name);
}

/** One effective setting of a topic. */
export interface TopicSetting {
  readonly value: string;
  /** Whether it is set on the topic, rather than a default of the broker. */
  readonly isSetOnTopic: boolean;
}
export type TopicSettings = ReadonlyMap<string, TopicSetting>;

/** The settings with which a mirror of a topic with `source` settings is created. */
export function mirrorSettings(source: TopicSettings): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const name of copiedAlways) {
    const setting = source.get(name);
    if (setting !== undefined) settings[name] = setting.value;
  }
  for (const name of copiedWhenSet) {
    const setting = source.get(name);
    if (setting?.isSetOnTopic) settings[name] = setting.value;
  }
  return { ...settings, ...settingsOfEveryMirror };
}

/**
 * What a topic that was a primary lacks to be a mirror of `source`, to be set on the topic itself. Where it keeps more
 * than the source it goes on with that: nothing is deleted because a direction turned.
 */
export function takeoverChanges(source: TopicSettings, former: TopicSettings): Record<string, string> {
  const changes: Record<string, string> = {};
  for (const [name, wanted] of Object.entries(mirrorSettings(source))) {
    const found = former.get(name);
    if (isStartTag(name, former)) continue;
    const value = found !== undefined && isMore(name, found.value, wanted) ? found.value : wanted;
    if (found?.value !== value || !found.isSetOnTopic) changes[name] = value;
  }
  return changes;
}

/** Limits; -1 stands for "without". */
function isMore(name: string, found: string, wanted: string): boolean {
  if (name === 'max.message.bytes') return BigInt(found) > BigInt(wanted);
  return (name === 'retention.ms' || name === 'retention.bytes') && isShorter(wanted, found);
}

/** A setting of an existing destination topic that does not fit. */
export interface SettingConflict {
  readonly name: string;
  readonly found: string;
  readonly needed: string;
  /** A conflict that would make the copy wrong, rather than refused or short-lived. */
  readonly isFatal: boolean;
  readonly consequence: string;
}

const fatalConsequences: Readonly<Record<string, string>> = {
  'message.timestamp.type': 'the broker would overwrite the records’ timestamps',
  'compression.type': 'the broker would compress every batch again',
};

const otherConsequences: Readonly<Record<string, string>> = {
  'message.timestamp.before.max.ms': 'records older than this are refused',
  'message.timestamp.after.max.ms': 'records further in the future than this are refused',
  'unclean.leader.election.enable': 'an unclean election can drop acknowledged records',
};

/** By a value of this setting, all of which mean "any" to a broker, a mirror says what is open about its start. */
export const startTagSetting = 'message.timestamp.after.max.ms';
export const startTags = {
  none: '9223372036854775807',
  /** Fillers may be in the log; the rule that denies READ is ours. */
  filling: '9223372036854775806',
  /** All starts are cut off; the rule that denies READ is to be removed. */
  opening: '9223372036854775805',
  /** Fillers may be in the log; there is no rule of ours. */
  fillingReadable: '9223372036854775804',
  /** It is not to begin where the source does; where is decided by a record (start-at.ts), and nothing is copied before. */
  undecided: '9223372036854775803',
} as const;
export type StartTag = keyof typeof startTags;

/** Whether the start is being filled, or its guard is being ended. */
export function isStartOpen(settings: TopicSettings): boolean {
  const tag = startTagOf(settings);
  return tag !== 'none' && tag !== 'undecided';
}

export function startTagOf(settings: TopicSettings): StartTag {
  const value = settings.get(startTagSetting)?.value;
  const tags = Object.entries(startTags) as [StartTag, string][];
  return tags.find(([, tagged]) => tagged === value)?.[0] ?? 'none';
}

/**
 * Whether a link created this topic: everything that a new mirror gets is set on the topic itself. The values that
 * depend on the source may have been changed since.
 */
export function isMadeByLink(settings: TopicSettings): boolean {
  const hasOwn = (name: string) => settings.get(name)?.isSetOnTopic === true;
  return (
    copiedAlways.every(hasOwn) &&
    Object.entries(settingsOfEveryMirror).every(
      ([name, value]) => hasOwn(name) && (settings.get(name)?.value === value || isStartTag(name, settings)),
    )
  );
}

/** Whether this is a mark of ours rather than a limit. */
export function isStartTag(name: string, settings: TopicSettings): boolean {
  return name === startTagSetting && startTagOf(settings) !== 'none';
}

/** What cleanup.policy names. */
export function policiesOf(settings: TopicSettings): string[] {
  return (settings.get('cleanup.policy')?.value ?? '').split(',').map((policy) => policy.trim());
}

/** Compares an existing destination topic with what a mirror of `source` needs. */
export function settingConflicts(source: TopicSettings, destination: TopicSettings): SettingConflict[] {
  const conflicts: SettingConflict[] = [];
  for (const [name, needed] of Object.entries(settingsOfEveryMirror)) {
    const found = destination.get(name)?.value;
    if (found === undefined || found === needed || isStartTag(name, destination)) continue;
    const fatal = fatalConsequences[name];
    const consequence = fatal ?? otherConsequences[name] ?? 'appends can be refused';
    conflicts.push({ name, found, needed, isFatal: fatal !== undefined, consequence });
  }
  const sizes = [source, destination].map((settings) =>
    Number(settings.get('max.message.bytes')?.value ?? 0),
  );
  const [sourceMax = 0, destinationMax = 0] = sizes;
  if (destinationMax > 0 && destinationMax < sourceMax) {
    const consequence = 'larger batches are refused';
    conflicts.push({
      name: 'max.message.bytes',
      found: `${destinationMax}`,
      needed: `${sourceMax}`,
      isFatal: false,
      consequence,
    });
  }
  // While its start is being filled a mirror keeps what it gets; it is given the source's settings at the end.
  if (!isStartOpen(destination)) conflicts.push(...retentionConflicts(source, destination));
  return conflicts;
}

function retentionConflicts(source: TopicSettings, destination: TopicSettings): SettingConflict[] {
  const conflicts: SettingConflict[] = [];
  for (const name of ['retention.ms', 'retention.bytes']) {
    const needed = source.get(name)?.value;
    const found = destination.get(name)?.value;
    if (needed === undefined || found === undefined || !isShorter(found, needed)) continue;
    const consequence = 'records the source still has are deleted from the mirror';
    conflicts.push({ name, found, needed, isFatal: false, consequence });
  }
  const needed = source.get('cleanup.policy')?.value;
  const found = destination.get('cleanup.policy')?.value;
  if (needed !== undefined && found !== undefined && needed !== found) {
    const consequence = 'the mirror is cleaned by other rules than the source';
    conflicts.push({ name: 'cleanup.policy', found, needed, isFatal: false, consequence });
  }
  return conflicts;
}

/** -1 stands for "without limit". */
export function isShorter(found: string, needed: string): boolean {
  const foundLimit = BigInt(found);
  const neededLimit = BigInt(needed);
  return foundLimit >= 0n && (neededLimit < 0n || foundLimit < neededLimit);
}
