// `lockstep rules show` as a person types it, against a fleet played by hand.
import { beforeEach, expect, test } from 'vitest';
import { FakeFleet, nowMs, runWith } from '../fleet/fake-fleet.ts';

let fleet: FakeFleet;
beforeEach(() => {
  fleet = new FakeFleet().agent('a1', { isLeader: true });
});
const show = (...args: string[]) => runWith(fleet, ['rules', 'show', ...args]);

const rules = {
  place: 'lockstep.yaml',
  cluster: 'us-east',
  clusters: { 'eu-west': { labels: { residency: 'eu' } }, 'us-east': { labels: {} } },
  topicLabels: [{ topics: ['customers', 'people.*'], labels: { data: 'pii' } }],
  rules: [
    {
      name: 'pii-stays',
      topics: { data: ['pii'] },
      from: { residency: ['eu'] },
      only: { residency: ['eu', 'uk'] },
      reason: 'GDPR',
    },
  ],
  flows: [],
  groups: [],
  generation: 2,
  by: 'ops@host',
  atMs: nowMs - 60_000,
};

test('the labels and rules that stand are told, with who wrote them', async () => {
  fleet.put('rules/residency', rules);
  expect((await show()).stdout).toBe(`us-east  generation 2, from lockstep.yaml, by ops@host, 1 min ago
rule pii-stays: topics data: pii from residency: eu only residency: eu or uk (GDPR)
cluster eu-west: residency: eu
cluster us-east: no labels
topics customers, people.*: data: pii
`);
  expect(JSON.parse((await show('--json')).stdout)).toMatchObject({
    rules: { generation: 2, by: 'ops@host' },
  });
});

test('rules without any are told apart from none, and from those of a newer version', async () => {
  expect(await show()).toMatchObject({
    exitCode: 0,
    stdout: '',
    stderr: expect.stringContaining('no rules stand'),
  });
  fleet.put('rules/residency', { ...rules, rules: [] });
  expect((await show()).stdout).toContain('no rules: everything may be copied');
  fleet.put('rules/residency', { ...rules, v: 99 });
  expect((await show()).stderr).toContain('rules stand that this version can’t read: nothing is copied');
});
