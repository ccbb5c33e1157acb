import { hostname } from 'node:os';
import { describe, expect, test } from 'vitest';
import { type AgentRecord, agentKey, FleetReducer, linkKey } from '../control/index.ts';
import { testAgent } from '../control/test-records.ts';
import { FleetWarnings } from './fleet-warnings.ts';

function watching() {
  const state = new FleetReducer();
  const told: string[] = [];
  const warnings = new FleetWarnings({ agentId: 'a1', state, warn: (text) => told.push(text) });
  return { state, warnings, told };
}

describe('a record that nobody can use is told', () => {
  const key = linkKey('us-to-eu');
  const unreadable = '{';

  test('once as long as it stands, and again when it comes back', () => {
    const { state, warnings, told } = watching();
    state.apply(key, unreadable);
    warnings.tellUnusable();
    warnings.tellUnusable();
    expect(told).toEqual([expect.stringContaining(key)]);
    state.apply(key, null);
    warnings.tellUnusable();
    state.apply(key, unreadable);
    warnings.tellUnusable();
    expect(told).toHaveLength(2);
  });
});

describe('another agent with this id', () => {
  const later = () => Date.now() + 1_000;
  const namesake = (told: Partial<AgentRecord>) =>
    JSON.stringify({ ...testAgent('a1'), host: 'elsewhere', pid: 7, startedAtMs: later(), ...told });
  const heard = (told: Partial<AgentRecord>) => {
    const seen = watching();
    seen.state.apply(agentKey('a1'), namesake(told));
    seen.warnings.tellNamesake();
    seen.warnings.tellNamesake();
    return seen.told;
  };

  test('is told once', () => {
    expect(heard({})).toEqual([
      'agent a1 runs a second time (pid 7 on elsewhere); give each agent an --id of its own',
    ]);
  });
  test('is not what this one tells of itself', () => {
    expect(heard({ host: hostname(), pid: process.pid })).toEqual([]);
  });
  test('is not a former life of this one', () => {
    expect(heard({ startedAtMs: 1 })).toEqual([]);
  });
});
