import { describe, expect, it } from 'vitest';
import { brings } from '../topology/flow-graph.ts';
import { FleetReducer } from './fleet-state.ts';
import { type FlowRecord, flowKey, flowsForSource, oldFlowKeys, recordOfFlow, toldFlows } from './flows.ts';

const nowMs = Date.UTC(2026, 10, 21);
const [a, b, c] = ['A', 'B', 'C'].map((id) => ({ id, name: id.toLowerCase() })) as [End, End, End];
interface End {
  readonly id: string;
  readonly name: string;
}

function flow(source: End, destination: End, more: Partial<FlowRecord> = {}): FlowRecord {
  const names = { topics: ['.*'], excludeTopics: [], prefix: '', mirrorMaker: null };
  return {
    v: 1,
    link: `${source.name}-to-${destination.name}`,
    ...names,
    atMs: nowMs,
    hops: 0,
    ...more,
    source,
    destination,
  };
}

function stateOf(entries: Readonly<Record<string, unknown>>): FleetReducer {
  const state = new FleetReducer();
  for (const [key, value] of Object.entries(entries)) state.apply(key, JSON.stringify(value));
  return state;
}

describe('what a source is told', () => {
  const own = [flow(a, b), flow(c, b, { link: 'another' })];
  const toldBy = (told: readonly FlowRecord[], elsewhere = told) =>
    flowsForSource(a, { own, told, elsewhere });

  it('are the links that read from it, and those that go on from here', () => {
    const onward = flow(b, c);
    const further = flow(c, { id: 'D', name: 'd' }, { hops: 1 });
    const elsewhere = flow({ id: 'X', name: 'x' }, { id: 'Y', name: 'y' });
    expect(toldBy([further, elsewhere, onward])).toEqual([
      own[0],
      { ...onward, hops: 1 },
      { ...further, hops: 2 },
    ]);
  });

  it('are not its own links: it knows them better', () => {
    expect(toldBy([flow(b, a), flow(b, c)]).map(({ link }) => link)).toEqual(['a-to-b', 'b-to-c']);
  });

  it('are not what it told us itself, but what lies behind that', () => {
    const further = flow(c, { id: 'D', name: 'd' });
    expect(toldBy([flow(b, c), further], [further])).toEqual([own[0], { ...further, hops: 1 }]);
  });

  it('is not told for ever', () => {
    expect(toldBy([flow(b, c, { hops: 8 })])).toEqual([own[0]]);
  });

  it('is nothing where there is no link', () => {
    expect(flowsForSource(a, { own: [], told: [flow(b, c)], elsewhere: [flow(b, c)] })).toEqual([]);
  });
});

describe('what was told here', () => {
  it('is each flow once, as its owner told it last, and none that is old or garbage', () => {
    const minute = 60_000;
    const state = stateOf({
      [flowKey('B', 'C', 'b-to-c')]: flow(b, c, { atMs: nowMs - 2 * minute, hops: 1, prefix: 'old.' }),
      [flowKey('C', 'C', 'b-to-c')]: flow(b, c, { atMs: nowMs - minute }),
      [flowKey('A', 'A', 'c-to-a')]: flow(c, a, { atMs: nowMs - 61 * minute }),
      'flow/A/B/garbage': { v: 1, topics: 'all' },
      'flow/A/B/newer': { ...flow(a, b), v: 99 },
      'flow/A/B/unreadable': flow(a, b, { topics: ['regex:('] }),
      'flow/A/B/unreadable-too': flow(a, b, { excludeTopics: ['regex:('] }),
    });
    expect(toldFlows(state, nowMs)).toEqual([flow(b, c, { atMs: nowMs - minute })]);
  });

  it('is asked without what one cluster told', () => {
    const state = stateOf({
      [flowKey('A', 'C', 'b-to-c')]: flow(b, c, { hops: 1 }),
      [flowKey('C', 'C', 'b-to-c')]: flow(b, c),
      [flowKey('A', 'D', 'c-to-d')]: flow(c, { id: 'D', name: 'd' }, { hops: 1 }),
    });
    expect(toldFlows(state, nowMs, { notBy: 'A' })).toEqual([flow(b, c)]);
    expect(toldFlows(state, nowMs, { notBy: 'C' }).map(({ hops }) => hops)).toEqual([1, 1]);
  });

  it('is swept of what nobody tells any more, and of own links that are gone', () => {
    const link = {
      v: 1,
      name: 'a-to-b',
      source: { name: 'a', bootstrap: ['a:1'] },
      destination: 'b',
      config: {},
    };
    const state = stateOf({
      'link/a-to-b': { ...link, generation: 1, createdAtMs: 1, changedAtMs: 1 },
      [flowKey('B', 'B', 'a-to-b')]: flow(a, b),
      [flowKey('B', 'B', 'gone')]: flow(a, b, { link: 'gone' }),
      [flowKey('C', 'C', 'b-to-c')]: flow(b, c),
      [flowKey('C', 'C', 'silent')]: flow(b, c, { link: 'silent', atMs: nowMs - 3 * 3_600_000 }),
    });
    expect(oldFlowKeys(state, 'B', nowMs)).toEqual([flowKey('B', 'B', 'gone'), flowKey('C', 'C', 'silent')]);
  });
});

it('a flow with very long lists is cut, patterns first, and says so', () => {
  const literal = Array.from({ length: 10_000 }, (_, index) => `topic-${index}`);
  const { topics, isCut } = recordOfFlow(flow(a, b, { topics: [...literal, 'pay.*'] }), nowMs);
  expect({ length: topics.length, first: topics[0], isCut }).toEqual({
    length: 500,
    first: 'pay.*',
    isCut: true,
  });
  expect(recordOfFlow(flow(a, b), nowMs).isCut).toBeUndefined();
});

it('a flow that leaves out more than a record holds is never told wider than it is', () => {
  const many = Array.from({ length: 700 }, (_, index) => `topic-${index}`);
  for (const left of [{ excludeTopics: many }, { closed: many }]) {
    const told = recordOfFlow(flow(a, b, { topics: ['.*', 'pay', 'topic-1'], ...left }), nowMs);
    expect({ ...told, atMs: 0 }).toMatchObject({ topics: ['pay'], excludeTopics: [], isCut: true });
    expect(['topic-650', 'topic-1'].filter((topic) => brings(told, topic))).toEqual([]);
  }
});
