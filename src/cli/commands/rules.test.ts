// `lockstep rules show` and `rules apply` as a person types them, against a fleet played by hand.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeFleet, nowMs, runLine, runWith } from '../fleet/fake-fleet.ts';

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

describe('rules apply', () => {
  const file = [
    'version: 1',
    'clusters:',
    '  eu: {bootstrap: ["eu:1"], labels: {residency: eu}}',
    '  us: {bootstrap: ["us:1"], labels: {residency: us}}',
    'rules:',
    '  r: {topics: {data: pii}, never: {residency: us}}',
    'topicLabels:',
    '  - {topics: [customers], labels: {data: pii}}',
    'links:',
    '  eu-to-us: {source: eu, destination: us, topics: [orders]}',
  ].join('\n');
  const details = ['rule added: r: topics data: pii never residency: us'];
  const rulesChange = { what: 'rules', name: 'residency' } as const;
  const altered = { changes: [{ ...rulesChange, action: 'alter', details }] } as const;
  let path: string;
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lockstep-rules-'));
    path = join(folder, 'lockstep.yaml');
    await writeFile(path, file);
  });
  afterEach(() => rm(folder, { recursive: true }));

  const apply = (typed: string | undefined, ...args: string[]) =>
    runLine(fleet, ['rules', 'apply', path, ...args], typed);
  const dryRuns = () => fleet.sent.map(({ options }) => options.isDryRun);

  test('shows the difference, asks, and carries it out', async () => {
    fleet.answer = altered;
    const { exitCode, stdout, stderr, questions } = await apply('yes');
    expect(exitCode).toBe(0);
    expect(stderr).toBe(`rules of us would be altered\n  ${details[0]}\n`);
    expect(questions).toEqual(['change the rules of us? Type yes to go on: ']);
    expect(stdout).toBe(`rules of us altered\n  ${details[0]}\n`);
    expect(dryRuns()).toEqual([true, false]);
    expect(fleet.sent[1]!.body).toMatchObject({ do: 'declareRules', isChange: true });
  });

  test('does nothing where the answer is not yes', async () => {
    fleet.answer = altered;
    expect(await apply('y')).toMatchObject({ exitCode: 1, stdout: '' });
    expect(dryRuns()).toEqual([true]);
  });

  test('asks nothing where nothing would change', async () => {
    fleet.answer = { changes: [{ ...rulesChange, action: 'none', details: ['as declared already'] }] };
    const { exitCode, stderr, questions } = await apply('yes');
    expect({ exitCode, questions }).toEqual({ exitCode: 0, questions: [] });
    expect(stderr).toBe(
      'rules of us would stay unchanged\n  as declared already\nlockstep: nothing to change\n',
    );
    expect(dryRuns()).toEqual([true]);
  });

  test('a refusal is told instead of a question', async () => {
    fleet.answer = { state: 'refused', code: 'CONFIG_INVALID', message: 'one cluster has one set of labels' };
    const { exitCode, stderr, questions } = await apply('yes');
    expect({ exitCode, questions }).toEqual({ exitCode: 2, questions: [] });
    expect(stderr).toContain('one cluster has one set of labels');
  });

  test('--dry-run and --yes do not ask, and a script without --yes is refused before anything is sent', async () => {
    fleet.answer = altered;
    expect((await apply(undefined, '--dry-run')).stdout).toContain('rules of us would be altered');
    expect((await apply(undefined, '--yes')).stdout).toContain('rules of us altered');
    expect(dryRuns()).toEqual([true, false]);
    expect(await apply(undefined)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('add --yes'),
    });
    expect(dryRuns()).toHaveLength(2);
  });
});
