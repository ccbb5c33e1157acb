import { describe, expect, it } from 'vitest';
import {
  mirrorSettings,
  settingConflicts,
  settingsOfEveryMirror,
  type TopicSettings,
} from './mirror-topic.ts';

function settings(values: Record<string, string>, isSetOnTopic = true): TopicSettings {
  return new Map(Object.entries(values).map(([name, value]) => [name, { value, isSetOnTopic }]));
}

describe('mirrorSettings', () => {
  it('takes retention and cleanup with their effective values, even the broker’s defaults', () => {
    const source = settings(
      { 'retention.ms': '604800000', 'cleanup.policy': 'delete', 'segment.ms': '1000' },
      false,
    );
    expect(mirrorSettings(source)).toEqual({
      'retention.ms': '604800000',
      'cleanup.policy': 'delete',
      ...settingsOfEveryMirror,
    });
  });

  it('takes segment and compaction settings where the topic has them itself', () => {
    expect(mirrorSettings(settings({ 'segment.ms': '1000', 'min.compaction.lag.ms': '5' }))).toMatchObject({
      'segment.ms': '1000',
      'min.compaction.lag.ms': '5',
    });
  });

  it('never takes over what would rewrite batches', () => {
    const source = settings({ 'message.timestamp.type': 'LogAppendTime', 'compression.type': 'gzip' });
    expect(mirrorSettings(source)).toMatchObject({
      'message.timestamp.type': 'CreateTime',
      'compression.type': 'producer',
    });
  });

  it('leaves the destination’s durability to the destination', () => {
    expect(mirrorSettings(settings({ 'min.insync.replicas': '1' }))).not.toHaveProperty(
      'min.insync.replicas',
    );
  });
});

describe('settingConflicts', () => {
  const source = settings({ 'retention.ms': '1000', 'retention.bytes': '-1', 'max.message.bytes': '2000' });
  const fitting = {
    ...settingsOfEveryMirror,
    'retention.ms': '1000',
    'retention.bytes': '-1',
    'max.message.bytes': '2000',
  };

  it('finds none on a topic made by mirrorSettings', () => {
    expect(settingConflicts(source, settings(mirrorSettings(source)))).toEqual([]);
  });

  it.each([
    ['message.timestamp.type', 'LogAppendTime', true],
    ['compression.type', 'zstd', true],
    ['unclean.leader.election.enable', 'true', false],
    ['message.timestamp.before.max.ms', '1000', false],
    ['max.message.bytes', '1999', false],
    ['retention.ms', '999', false],
    ['retention.bytes', '100', false],
  ])('names %s=%s (fatal: %s)', (name, found, isFatal) => {
    const conflicts = settingConflicts(source, settings({ ...fitting, [name]: found }));
    expect(conflicts).toMatchObject([{ name, found, isFatal }]);
  });

  it('says nothing of what holds only while the start is being filled', () => {
    const filling = {
      'cleanup.policy': 'delete',
      'retention.ms': '1',
      'message.timestamp.after.max.ms': '9223372036854775806',
    };
    const compacted = new Map([
      ...source,
      ['cleanup.policy', { value: 'compact', isSetOnTopic: true }] as const,
    ]);
    expect(settingConflicts(compacted, settings({ ...fitting, ...filling }))).toEqual([]);
  });

  it('takes a longer retention than the source’s', () => {
    expect(settingConflicts(source, settings({ ...fitting, 'retention.ms': '-1' }))).toEqual([]);
  });
});
