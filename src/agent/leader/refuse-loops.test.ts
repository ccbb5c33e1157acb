import { expect, test } from 'vitest';
import { type FlowRecord, flowKey } from '../../control/flows.ts';
import { FleetReducer, type LinkDeclaration } from '../../control/index.ts';
import { resolveConfig } from '../declarations.ts';
import { ownFlow, refuseLoops } from './refuse-loops.ts';

const nowMs = Date.UTC(2026, 10, 21);
const own = { name: 'eu', id: 'EU', addresses: ['eu-1:9092'] };
const facts = { own, nowMs, resolve: resolveConfig };

function link(name: string, topics: readonly string[], more: Record<string, unknown> = {}): LinkDeclaration {
  return {
    name,
    source: { name: 'us', bootstrap: ['us-1:9092'] },
    destination: 'eu',
    config: { topics, ...more },
  };
}

/** The fleet at eu, which was told of a link that takes topics from eu to us. */
function fleet(told: Partial<FlowRecord> = {}): FleetReducer {
  const state = new FleetReducer();
  const flow: FlowRecord = {
    ...{ v: 1, link: 'back', topics: ['a\\..*'], excludeTopics: [], prefix: '', mirrorMaker: null },
    source: { name: 'eu-west', id: 'EU' },
    destination: { name: 'us-east', id: 'US', addresses: ['US-1:9092'] },
    ...{ atMs: nowMs, hops: 0, ...told },
  };
  state.apply(flowKey('US', 'US', 'back'), JSON.stringify(flow));
  return state;
}

test('a new link is refused by the address of its source, which nobody has reached yet', () => {
  const links = [link('forth', ['orders'], { prefix: 'a.' })];
  expect(() => refuseLoops(fleet(), links, ['forth'], facts)).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(
        'a loop: us.orders -> eu.a.orders -> us-east.a.orders (links forth, back)',
      ),
    }),
  );
  expect(() => refuseLoops(fleet({ atMs: nowMs - 120_000 }), links, ['forth'], facts)).toThrow(
    expect.objectContaining({
      message: expect.stringContaining(
        'or delete one (the fleet of us-east told of back 2 min ago; what is gone is forgotten an hour later); without loops',
      ),
    }),
  );
});

test('what stays as it was is not refused, nor what another link does, nor what a flow that is old would', () => {
  const forth = link('forth', ['orders'], { prefix: 'a.' });
  refuseLoops(fleet(), [forth], [], facts);
  refuseLoops(fleet(), [forth, link('other', ['stock'], { prefix: 'x.' })], ['other'], facts);
  refuseLoops(fleet({ atMs: nowMs - 3_700_000 }), [forth], ['forth'], facts);
  refuseLoops(fleet({ excludeTopics: ['prefix:a.'] }), [forth], ['forth'], facts);
});

test('a link of this fleet is what a control topic has of it: its source’s id, its group, what was promoted', () => {
  const state = fleet();
  const record = {
    v: 1,
    ...link('forth', ['orders']),
    sourceClusterId: 'US',
    generation: 1,
    createdAtMs: 1,
    changedAtMs: 1,
  };
  state.apply('link/forth', JSON.stringify(record));
  const mirror = {
    v: 1,
    link: 'forth',
    sourceTopic: 'orders',
    mirrorTopic: 'orders',
    partitionCount: 1,
    reason: null,
  };
  const ids = { sourceTopicId: 'a', mirrorTopicId: 'b', sinceMs: 1 };
  state.apply('mirror/forth/orders', JSON.stringify({ ...mirror, ...ids, state: 'Promoted' }));
  expect(state.warnings).toEqual([]);
  // Another link with the same address.
  expect(ownFlow(state, link('new', ['stock']), facts).source).toMatchObject({ id: 'US' });
  expect(ownFlow(state, { ...link('forth', ['orders']), group: 'shop' }, facts)).toMatchObject({
    ...{ closed: ['orders'], group: 'shop' },
    destination: { name: 'eu', id: 'EU' },
  });
});

test('a link that loops already may take less, also where that alone does not open the circle; more it may not', () => {
  const state = fleet();
  const record = {
    ...{ v: 1, ...link('forth', ['orders', 'stock'], { prefix: 'a.' }), sourceClusterId: 'US' },
    ...{ generation: 1, createdAtMs: 1, changedAtMs: 1 },
  };
  state.apply('link/forth', JSON.stringify(record));
  const to = (topics: readonly string[], more: Record<string, unknown>) => () =>
    refuseLoops(state, [link('forth', topics, { prefix: 'a.', ...more })], ['forth'], facts);
  expect(state.links.get('forth')).toBeDefined();
  expect(to(['orders', 'stock'], { excludeTopics: ['prefix:b.'] })).not.toThrow();
  expect(to(['orders'], {})).not.toThrow();
  expect(to(['orders', 'stock', 'more'], {})).toThrow('a loop: ');
  expect(to(['orders'], { prefix: 'a.a.' })).toThrow('a loop: ');
});
