// Broker settings that decide how well a cluster serves as a source or a destination. Pure: values in, checks
// out. Brokers may differ; the worst value decides, and all are shown.
import { formatBytes, formatDuration } from '../output/units.ts';
import type { Check, CheckName, Roles } from './checks.ts';
import { isDestination, isSource } from './checks.ts';

/** Settings by name of each broker. */
export type BrokerSettings = ReadonlyMap<number, ReadonlyMap<string, string | null>>;

/** The settings that are asked for. */
export const settingNames = [
  'producer.id.expiration.ms',
  'default.replication.factor',
  'min.insync.replicas',
  'message.max.bytes',
  'unclean.leader.election.enable',
  'log.message.timestamp.type',
  'log.message.timestamp.before.max.ms',
  'log.message.timestamp.after.max.ms',
  'auto.create.topics.enable',
  'socket.send.buffer.bytes',
] as const;
type SettingName = (typeof settingNames)[number];

const dayMs = 86_400_000;
/** Long enough for a week-end without an agent. */
const expirationMsAdvised = 7 * dayMs;
const brokersForRedundancy = 3;

type Judgement = Pick<Check, 'mark' | 'detail'> & { readonly remedy?: string };

/** All checks of settings that matter for the cluster's roles. */
export function settingsChecks(settings: BrokerSettings, roles: Roles): Check[] {
  const brokerCount = settings.size;
  const checks: (Check | undefined)[] = [];
  const judge = (name: CheckName, setting: SettingName, judgement: (value: string) => Judgement): void => {
    checks.push(worst(name, setting, settings, judgement));
  };
  if (isDestination(roles)) {
    judge('producer-id-expiration', 'producer.id.expiration.ms', judgeExpiration);
    judge('replication-factor', 'default.replication.factor', (value) =>
      judgeReplication(Number(value), brokerCount),
    );
    judge('min-insync-replicas', 'min.insync.replicas', (value) => judgeInSync(Number(value), brokerCount));
  }
  judge('message-size', 'message.max.bytes', (value) => ({
    mark: 'ok',
    detail: `${formatBytes(Number(value))}; a mirror takes its source topic's own limit`,
  }));
  judge('unclean-election', 'unclean.leader.election.enable', (value) =>
    judgeUnclean(value, isSource(roles)),
  );
  judge('timestamp-type', 'log.message.timestamp.type', judgeTimestamps);
  if (isDestination(roles)) {
    checks.push(timestampLimits(settings));
    judge('auto-create', 'auto.create.topics.enable', judgeAutoCreate);
  }
  return checks.filter((check) => check !== undefined);
}

/** The least of all brokers; -1, which leaves it to the system, counts as more than any. Null: nobody tells. */
export function leastSendBufferBytes(settings: BrokerSettings): number | null {
  const values = distinct(settings, 'socket.send.buffer.bytes').map(({ value }) => Number(value));
  const limited = values.filter((bytes) => bytes >= 0);
  if (limited.length > 0) return Math.min(...limited);
  return values.length > 0 ? -1 : null;
}

function judgeExpiration(value: string): Judgement {
  const ms = Number(value);
  const detail = `the broker remembers a quiet producer for ${formatDuration(ms)}`;
  const remedy = `set producer.id.expiration.ms=${expirationMsAdvised} (7 days; dynamic): kafka-configs --alter --entity-type brokers --entity-default --add-config producer.id.expiration.ms=${expirationMsAdvised}`;
  if (ms >= expirationMsAdvised) return { mark: 'ok', detail };
  return {
    mark: ms < dayMs ? 'bad' : 'advice',
    detail: `${detail}; after that its guard against a second writer is gone`,
    remedy,
  };
}

function judgeReplication(factor: number, brokerCount: number): Judgement {
  const detail = `new topics get ${factor} of ${brokerCount} possible replicas`;
  if (factor >= brokersForRedundancy || brokerCount < brokersForRedundancy) return { mark: 'ok', detail };
  return {
    mark: 'advice',
    detail,
    remedy: 'set replicationFactor: 3 in the link, or default.replication.factor=3 on the brokers',
  };
}

function judgeInSync(count: number, brokerCount: number): Judgement {
  const detail = `an append is acknowledged by at least ${count === 1 ? 'one replica' : `${count} replicas`}`;
  if (count >= 2 || brokerCount < brokersForRedundancy) return { mark: 'ok', detail };
  return {
    mark: 'advice',
    detail,
    remedy: 'set min.insync.replicas=2, so that the loss of one broker loses nothing',
  };
}

function judgeUnclean(value: string, source: boolean): Judgement {
  if (value !== 'true') return { mark: 'ok', detail: 'a replica that lacks data never becomes leader' };
  if (!source) return { mark: 'ok', detail: 'allowed by default, and switched off on mirrors' };
  return {
    mark: 'advice',
    detail:
      'a replica that lacks data may become leader: offsets that were mirrored can come again with other records',
    remedy: 'set unclean.leader.election.enable=false; otherwise such a mirror stops as Diverged',
  };
}

function judgeTimestamps(value: string): Judgement {
  if (value === 'CreateTime') return { mark: 'ok', detail: 'records keep the time of their producer' };
  return { mark: 'ok', detail: `${value} by default; mirrors get the same timestamps, of type CreateTime` };
}

function judgeAutoCreate(value: string): Judgement {
  if (value !== 'true') return { mark: 'ok', detail: 'topics are created on purpose only' };
  return {
    mark: 'advice',
    detail: 'any client may create a topic by naming it, also one that is about to be a mirror',
    remedy: 'set auto.create.topics.enable=false on the brokers',
  };
}

/** Mirrors set both limits to their maximum on the topic, so the broker's values are only told. */
function timestampLimits(settings: BrokerSettings): Check | undefined {
  const names = ['log.message.timestamp.before.max.ms', 'log.message.timestamp.after.max.ms'] as const;
  const [before, after] = names.map((name) => distinct(settings, name)[0]?.value);
  if (before === undefined && after === undefined) return undefined;
  const words = (value: string | undefined): string =>
    value === undefined || BigInt(value) > BigInt(Number.MAX_SAFE_INTEGER)
      ? 'any time'
      : formatDuration(Number(value));
  const detail = `records from ${words(before)} before to ${words(after)} after now, and any on mirrors`;
  return { name: 'timestamp-limits', mark: 'ok', detail };
}

const severity = { ok: 0, unknown: 1, advice: 2, bad: 3 } as const;

/** One check from the values of all brokers; undefined where no broker has the setting. */
function worst(
  name: CheckName,
  setting: SettingName,
  settings: BrokerSettings,
  judgement: (value: string) => Judgement,
): Check | undefined {
  const values = distinct(settings, setting);
  const judged = values.map(({ value, brokers }) => ({ ...judgement(value), value, brokers }));
  judged.sort((a, b) => severity[b.mark] - severity[a.mark]);
  const first = judged[0];
  if (first === undefined) return undefined;
  const { mark, detail, remedy } = first;
  const differ = judged.map(({ value, brokers }) => `${value} on ${brokers.join(', ')}`).join('; ');
  const all = judged.length === 1 ? detail : `${detail} (brokers differ: ${setting} is ${differ})`;
  return { name, mark, detail: all, ...(remedy !== undefined && { remedy }) };
}

function distinct(settings: BrokerSettings, setting: string): { value: string; brokers: number[] }[] {
  const byValue = new Map<string, number[]>();
  for (const [broker, values] of settings) {
    const value = values.get(setting);
    if (value === undefined || value === null) continue;
    byValue.set(value, [...(byValue.get(value) ?? []), broker]);
  }
  return Array.from(byValue, ([value, brokers]) => ({ value, brokers }));
}
