import { describe, expect, test } from 'vitest';
import {
  type CommandBody,
  type CommandRecord,
  FleetReducer,
  type LinkDeclaration,
  type RulesDeclaration,
} from '../../control/index.ts';
import { parseTopology } from '../../topology/index.ts';
import { checkTogether, resolveConfig, rulesDeclarationOf } from '../declarations.ts';
import { FleetResidency } from '../residency.ts';
import { decide } from './decide.ts';
import type { Decision } from './decision.ts';

const nowMs = 1_000_000;

function declared({ never = 'us', topics = 'customers', links = '' } = {}): RulesDeclaration {
  const text = [
    'version: 1',
    'clusters:',
    ...['eu', 'uk', 'us'].map(
      (name) => `  ${name}: {bootstrap: ["${name}:1"], labels: {residency: ${name}}}`,
    ),
    'topicLabels:',
    `  - {topics: [${topics}], labels: {data: pii}}`,
    'rules:',
    `  r: {topics: {data: pii}, from: {residency: eu}, never: {residency: ${never}}}`,
    'links:',
    '  eu-to-uk: {source: eu, destination: uk, topics: [".*"], prefix: x-}',
    links,
  ].join('\n');
  const topology = parseTopology(text, 'l.yaml', { folder: '/', environment: {}, readFile: () => '' });
  return rulesDeclarationOf(topology, 'us').rules!;
}

const link = (name: string, source: string, topics: readonly string[], prefix = ''): LinkDeclaration => ({
  ...{ name, source: { name: source, bootstrap: [`${source}:1`] }, destination: 'here' },
  config: { topics, prefix },
});

function ask(state: FleetReducer, body: CommandBody): Decision {
  const command: CommandRecord = {
    ...{ v: 1, id: 'c', by: 'ann', atMs: nowMs, deadlineMs: nowMs + 1_000, isDryRun: false, body },
  };
  const decision = decide(state, command, { nowMs, resolve: resolveConfig, checkTogether });
  if (decision.kind === 'accepted')
    for (const [key, value] of decision.entries) state.apply(key, value && JSON.stringify(value));
  return decision;
}

const set = (rules: RulesDeclaration, isChange = false): CommandBody => ({
  do: 'declareRules',
  rules,
  isChange,
});
const messageOf = (decision: Decision): string =>
  decision.kind === 'refused' ? decision.message : 'accepted';
const detailsOf = (decision: Decision): readonly string[] =>
  decision.kind === 'accepted' ? decision.changes.flatMap(({ details }) => details) : [];

describe('rules', () => {
  test('stand from the first file on, and the same again changes nothing', () => {
    const state = new FleetReducer();
    expect(detailsOf(ask(state, set(declared())))).toEqual([
      'rule added: r: topics data: pii from residency: eu never residency: us',
    ]);
    expect(ask(state, set(declared()))).toMatchObject({ message: 'nothing to change' });
    expect(state.rules.get('residency')).toMatchObject({ generation: 1, by: 'ann', cluster: 'us' });
  });

  test('other ones are refused with the difference, and taken where a person says so', () => {
    const state = new FleetReducer();
    ask(state, set(declared()));
    const other = declared({ never: 'uk', topics: 'clients', links: '' });
    const refused = messageOf(ask(state, set(other)));
    expect(refused).toContain(
      'rule r: topics data: pii from residency: eu never residency: us -> r: topics data: pii from residency: eu never residency: uk; ' +
        'the file lacks the topic labels customers (data: pii); the file has the new topic labels clients (data: pii)',
    );
    expect(refused).toContain('lockstep rules apply l.yaml');
    expect(messageOf(ask(state, set({ ...declared(), rules: [] })))).toContain('the file lacks the rule r');
    expect(detailsOf(ask(state, set(other, true)))).toEqual([
      'rule changed: r: topics data: pii from residency: eu never residency: us -> topics data: pii from residency: eu never residency: uk',
      'topic labels removed: customers (data: pii)',
      'topic labels added: clients (data: pii)',
    ]);
    expect(state.rules.get('residency')?.generation).toBe(2);
  });

  test('of another file add its links and clusters, and take none away', () => {
    const state = new FleetReducer();
    ask(state, set(declared()));
    ask(
      state,
      set(declared({ links: '  more: {source: us, destination: eu, topics: [orders], prefix: z-}' })),
    );
    ask(state, set(declared()));
    expect(state.rules.get('residency')?.flows.map(({ name }) => name)).toEqual(['eu-to-uk', 'more']);
    expect(state.rules.get('residency')?.generation).toBe(2);
  });

  test('of a file that gives a cluster another name and other labels are refused', () => {
    const state = new FleetReducer();
    ask(state, set(declared()));
    const { clusters, ...others } = declared();
    const { eu, ...rest } = clusters;
    const { bootstrap } = eu!;
    const upper = bootstrap!.map((address) => address.toUpperCase());
    for (const [name, facts] of [
      ['harmless', { labels: { residency: 'us' }, bootstrap: upper }],
      ['uk', { ...clusters.uk!, bootstrap: upper }],
    ] as const)
      expect(messageOf(ask(state, set({ ...others, clusters: { ...rest, [name]: facts } })))).toContain(
        'has the address EU:1, which is that of eu (residency: eu)',
      );
    // It may have moved: then a person says so, and the next file that says the same is none that differs.
    const moved = { ...clusters, eu: { ...clusters.eu!, bootstrap: ['new:1'] } };
    const apart = { ...others, clusters: { ...moved, uk: { ...clusters.uk!, bootstrap: upper } } };
    const after = new FleetReducer();
    ask(after, set(declared()));
    expect(ask(after, set(apart, true)).kind).toBe('accepted');
    expect(ask(after, set(apart)).kind).toBe('accepted');
    expect(after.rules.get('residency')?.clusters.eu?.bootstrap).toEqual(['new:1']);
    // A file that contradicts itself.
    const twice = { ...clusters, uk: { ...clusters.uk!, bootstrap: upper } };
    expect(messageOf(ask(new FleetReducer(), set({ ...others, clusters: twice })))).toContain(
      'one cluster has one set of labels',
    );
    // The same under another name is no harm.
    const again = { ...clusters, europe: { ...clusters.eu!, bootstrap: upper } };
    expect(ask(state, set({ ...others, clusters: again })).kind).toBe('accepted');
  });

  test('that begin or end say which mirrors are not copied any more, and which are again', () => {
    const state = new FleetReducer();
    ask(state, { do: 'createLink', link: link('l', 'eu', ['.*']) });
    const mirror = { link: 'l', sourceTopic: 'customers', mirrorTopic: 'customers', partitionCount: 1 };
    const ids = { sourceTopicId: 'a', mirrorTopicId: 'b', state: 'Mirroring', sinceMs: 1, reason: null };
    state.apply('mirror/l/customers', JSON.stringify({ v: 1, ...mirror, ...ids }));
    expect(detailsOf(ask(state, set(declared()))).at(-1)).toMatch(
      /^mirror l\/customers becomes Forbidden, and its copy stays: the rule r/,
    );
    const residency = new FleetResidency({ state, resolve: resolveConfig });
    const hold = residency.holdOf(state.links.get('l')!, 'customers');
    expect(hold).toMatchObject({ state: 'Forbidden', reason: expect.stringMatching(/still there in topic/) });
    // One that was Forbidden before does not become so once more.
    expect(detailsOf(ask(state, set(declared({ topics: 'customers, orders' }), true)))).toEqual([
      'topic labels removed: customers (data: pii)',
      'topic labels added: customers, orders (data: pii)',
    ]);
    const rule = 'r: topics data: pii from residency: eu never residency: us';
    const without = { ...declared({ topics: 'customers, orders' }), rules: [] };
    expect(detailsOf(ask(state, set(without, true)))).toEqual([
      `rule removed: ${rule}`,
      'mirror l/customers is not Forbidden any more, and is copied on',
    ]);
  });
});

describe('links that a rule forbids', () => {
  const fleet = () => {
    const state = new FleetReducer();
    ask(state, set(declared()));
    return state;
  };

  test('are refused when they are created, altered, applied, and given a mirror', () => {
    const state = fleet();
    const wanted =
      /^link l: topics: customers: the rule r forbids topics with data: pii in us \(residency: us\)/;
    expect(messageOf(ask(state, { do: 'createLink', link: link('l', 'eu', ['customers']) }))).toMatch(wanted);
    expect(messageOf(ask(state, { do: 'applyLinks', links: [link('l', 'eu', ['customers'])] }))).toMatch(
      wanted,
    );
    expect(messageOf(ask(state, { do: 'createLink', link: link('l', 'eu', ['.*']) }))).toBe('accepted');
    const changes = { topics: ['customers', 'orders'] };
    expect(messageOf(ask(state, { do: 'alterLink', link: 'l', changes }))).toMatch(wanted);
    expect(messageOf(ask(state, { do: 'createMirrors', link: 'l', topics: ['customers'] }))).toMatch(wanted);
    expect(state.links.get('l')?.config.topics).toEqual(['.*']);
  });

  test('also over a link of the file that leads elsewhere', () => {
    const refused = messageOf(
      ask(fleet(), { do: 'createLink', link: link('l', 'uk', ['x-customers'], 'y-') }),
    );
    expect(refused).toContain('eu/customers -> uk/x-customers -> us/y-x-customers');
  });

  test('also under a false name, or none: the addresses say which cluster it is', () => {
    for (const name of ['us', 'source']) {
      const source = { name, bootstrap: ['other:1', 'EU:1'] };
      const body = { do: 'createLink', link: { ...link('l', 'x', ['customers'], 'y-'), source } } as const;
      expect(messageOf(ask(fleet(), body))).toContain('eu/customers -> us/y-customers');
    }
  });

  test('can be changed otherwise where they stood before the rule came, and declared again as they are', () => {
    const state = new FleetReducer();
    ask(state, { do: 'createLink', link: link('l', 'eu', ['customers']) });
    ask(state, set(declared()));
    expect(messageOf(ask(state, { do: 'alterLink', link: 'l', changes: { producerConnections: 3 } }))).toBe(
      'accepted',
    );
    expect(messageOf(ask(state, { do: 'applyLinks', links: [link('l', 'eu', ['customers'])] }))).toBe(
      'accepted',
    );
  });

  test('are refused for want of knowledge where a newer Lockstep has written the rules', () => {
    const state = fleet();
    state.apply('rules/residency', JSON.stringify({ v: 99 }));
    expect(messageOf(ask(state, { do: 'createLink', link: link('l', 'eu', ['orders']) }))).toMatch(
      /newer Lockstep/,
    );
    const residency = new FleetResidency({ state, resolve: resolveConfig });
    state.apply(
      'link/l',
      JSON.stringify({ v: 1, ...link('l', 'eu', ['orders']), generation: 1, createdAtMs: 1, changedAtMs: 1 }),
    );
    expect(residency.holdOf(state.links.get('l')!, 'orders')?.state).toBe('Forbidden');
  });
});

test('rules that change count at once', () => {
  const state = new FleetReducer();
  ask(state, { do: 'createLink', link: link('l', 'eu', ['.*']) });
  const origins = { link: 'l', source: 'eu', flows: [], copies: [], unknown: null, atMs: 1 };
  state.apply('origins/l', JSON.stringify({ v: 1, ...origins }));
  const residency = new FleetResidency({ state, resolve: resolveConfig });
  const holdOf = (topic: string) => residency.holdOf(state.links.get('l')!, topic)?.state ?? null;
  expect(holdOf('customers')).toBeNull();
  ask(state, set(declared()));
  expect([holdOf('customers'), holdOf('clients')]).toEqual(['Forbidden', null]);
  ask(state, set(declared({ topics: 'clients' }), true));
  expect([holdOf('customers'), holdOf('clients')]).toEqual([null, 'Forbidden']);
  ask(state, set({ ...declared(), rules: [] }, true));
  expect(holdOf('clients')).toBeNull();
});

test('without rules nothing is held; with them nothing before it is known what the source copies itself', () => {
  const state = new FleetReducer();
  ask(state, { do: 'createLink', link: link('l', 'uk', ['.*'], 'y-') });
  const residency = new FleetResidency({ state, resolve: resolveConfig });
  const holdOf = (topic: string) => {
    residency.changed();
    return residency.holdOf(state.links.get('l')!, topic)?.state ?? null;
  };
  expect(holdOf('copy-customers')).toBeNull();
  ask(state, set(declared()));
  expect(holdOf('orders')).toBe('Preparing');
  const flow = { ...{ name: 'm', source: 'eu', destination: 'uk', topics: ['.*'] }, excludeTopics: [] };
  const origins = { flows: [{ ...flow, prefix: 'copy-', mirrorMaker: null }], copies: [], unknown: null };
  state.apply('origins/l', JSON.stringify({ v: 1, link: 'l', source: 'uk', ...origins, atMs: 1 }));
  expect([holdOf('orders'), holdOf('copy-customers')]).toEqual([null, 'Forbidden']);
});
