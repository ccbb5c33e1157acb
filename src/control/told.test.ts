import { expect, test } from 'vitest';
import type { AgentRecord, ToldRecord } from './records/index.ts';
import { toldAbout } from './told.ts';

const nowMs = 1_000_000;
const agent = (id: string, given: Partial<AgentRecord> = {}): AgentRecord => ({
  ...{ v: 1, id, version: '0.1.0', host: 'h', pid: 7, api: null, startedAtMs: 0, partitionCount: 0 },
  ...{ atMs: nowMs - 1_000, isLeader: true, ...given },
});
const common = { topic: 't', state: 'Telling', reason: null, sinceMs: 0, lastWrittenAtMs: 0 } as const;
const beat = (sourceAlias: string): ToldRecord => ({
  ...{ kind: 'heartbeats', ...common, sourceAlias, destinationAlias: 'eu-west' },
});
const checkpoints = (link: string): ToldRecord => ({
  kind: 'checkpoints',
  ...common,
  link,
  positionCount: 2,
});
const link = (mirrorMaker?: object) => ({
  name: 'l',
  source: { name: 'us-east', bootstrap: [] },
  destination: 'eu-west',
  config: mirrorMaker === undefined ? {} : { mirrorMaker },
});

test('the heartbeats between its ends, and its own checkpoints', () => {
  const told = [beat('us-east'), beat('us'), checkpoints('l'), checkpoints('other')];
  const about = (mirrorMaker?: object) => toldAbout([agent('a', { told })], link(mirrorMaker), nowMs);
  expect(about({})).toEqual([beat('us-east'), checkpoints('l')]);
  expect(about({ sourceAlias: 'us' })).toEqual([beat('us'), checkpoints('l')]);
  expect(about()).toEqual([]);
});

test('the newest leader says it; without one nobody does', () => {
  const former = agent('former', { atMs: nowMs - 9_000, told: [beat('us-east')] });
  const leader = agent('leader', { told: [] });
  expect(toldAbout([former, leader], link({}), nowMs)).toEqual([]);
  expect(toldAbout([agent('a', { atMs: nowMs - 20_000 })], link({}), nowMs)).toBeNull();
  expect(toldAbout([agent('a', { isLeader: false })], link({}), nowMs)).toBeNull();
});
