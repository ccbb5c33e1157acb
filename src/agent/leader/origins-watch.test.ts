import { describe, expect, test } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import type { Cluster } from '../../client/index.ts';
import { FleetReducer, type LinkRecord, type OriginsRecord } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { resolveConfig } from '../declarations.ts';
import { type OriginsReader, OriginsWatch, originsAt } from './origins-watch.ts';

const nowMs = 1;
const put = (state: FleetReducer, key: string, value: object) =>
  state.apply(key, JSON.stringify({ v: 1, ...value }));

const link = (name: string, source: string, config: object): Omit<LinkRecord, 'v'> => ({
  ...{ name, source: { name: source, bootstrap: [`${source}:1`] }, destination: 'here' },
  ...{ config: { topics: ['.*'], ...config }, generation: 1, createdAtMs: 1, changedAtMs: 1 },
});
const mirror = (of: string, sourceTopic: string, mirrorTopic: string) => ({
  ...{ link: of, sourceTopic, mirrorTopic, partitionCount: 1, sourceTopicId: 'a', mirrorTopicId: 'b' },
  ...{ state: 'Mirroring', sinceMs: 1, reason: null },
});
const rules = {
  ...{ place: 'f', cluster: 'us', generation: 1, by: 'ann', atMs: 1, flows: [], groups: [] },
  clusters: { eu: { labels: { residency: 'eu' } }, us: { labels: { residency: 'us' } } },
  topicLabels: [{ topics: ['customers'], labels: { data: 'pii' } }],
  rules: [{ name: 'r', topics: { data: ['pii'] }, never: { residency: ['us'] } }],
};

/** The control topic of uk, which gets everything from eu as x-... */
function uk(): FleetReducer {
  const state = new FleetReducer();
  put(state, 'link/eu-to-uk', link('eu-to-uk', 'eu', { prefix: 'x-' }));
  for (const topic of ['customers', 'orders'])
    put(state, `mirror/eu-to-uk/${topic}`, mirror('eu-to-uk', topic, `x-${topic}`));
  return state;
}

const toUs = link('uk-to-us', 'uk', { prefix: 'y-' }) as LinkRecord;

describe('what a source copies itself', () => {
  test('is its links, and those of its mirrors that carry a label', () => {
    const found = originsAt(toUs, uk(), { rules, resolve: resolveConfig });
    expect(found.flows).toMatchObject([{ name: 'eu-to-uk', source: 'eu', destination: 'uk', prefix: 'x-' }]);
    expect(found.copies).toEqual([
      { cluster: 'uk', topic: 'x-customers', from: { cluster: 'eu', topic: 'customers' }, link: 'eu-to-uk' },
    ]);
  });

  test('may be anything where a flow there can not be read here', () => {
    const state = uk();
    const flow = { name: 'newer', source: 'eu', destination: 'uk', prefix: '', mirrorMaker: null };
    const flows = [{ ...flow, topics: ['regex:('], excludeTopics: [] }];
    put(state, 'rules/residency', { ...rules, cluster: 'uk', flows });
    const found = originsAt(toUs, state, { rules, resolve: resolveConfig });
    expect(found.flows[1]).toEqual({ ...flow, topics: ['regex:.*'], excludeTopics: [] });
  });

  test('is what it knows of its own sources, too, under the name that it has here', () => {
    const state = uk();
    put(state, 'rules/residency', { ...rules, cluster: 'united-kingdom' });
    const further: Omit<OriginsRecord, 'v'> = {
      ...{ link: 'eu-to-uk', source: 'eu', unknown: null, atMs: 1, flows: [] },
      copies: [
        { cluster: 'eu', topic: 'all', from: { cluster: 'ch', topic: 'customers' }, link: 'ch-to-eu' },
        { cluster: 'united-kingdom', topic: 'a', from: { cluster: 'eu', topic: 'all' }, link: 'l' },
      ],
    };
    put(state, 'origins/eu-to-uk', further);
    put(state, 'mirror/eu-to-uk/all', mirror('eu-to-uk', 'all', 'x-all'));
    const { copies } = originsAt(toUs, state, { rules, resolve: resolveConfig });
    expect(copies.map(({ cluster, topic }) => `${cluster}/${topic}`)).toEqual([
      ...['uk/x-customers', 'uk/x-all', 'eu/all', 'uk/a'],
    ]);
  });
});

describe('the leader', () => {
  const here = () => {
    const state = new FleetReducer();
    put(state, 'link/uk-to-us', toUs);
    put(state, 'rules/residency', rules);
    return state;
  };
  const watchOf = (state: FleetReducer, open: () => Promise<OriginsReader>) =>
    new OriginsWatch({
      ...{ state, resolve: resolveConfig, nowMs: () => nowMs, onUnreadable: () => {} },
      open,
      links: () => [{ record: toUs, sourceClient: {} as Cluster }],
      write: async (entries) => {
        for (const [key, value] of entries) state.apply(key, value && JSON.stringify(value));
      },
    });
  const reader = (state: FleetReducer, refresh = async () => {}): OriginsReader => ({
    ...{ state, refresh },
    get revision() {
      return [...state.links.keys(), ...state.mirrors.keys()].join().length;
    },
    close: async () => {},
  });
  const until = (what: string, isSo: () => boolean) =>
    waitFor(isSo, { deadlineMs: 10_000, describe: () => what });

  test('writes down what it reads, and forgets nothing when a link is gone there', async () => {
    const [state, theirs] = [here(), uk()];
    const watch = watchOf(state, async () => reader(theirs));
    watch.look();
    await until('origins', () => state.origins.has('uk-to-us'));
    for (const key of ['link/eu-to-uk', 'mirror/eu-to-uk/customers', 'mirror/eu-to-uk/orders'])
      theirs.apply(key, null);
    put(theirs, 'link/other', link('other', 'eu', { prefix: 'z-' }));
    await watch.fresh('uk-to-us');
    const { flows, copies } = state.origins.get('uk-to-us')!;
    expect(flows.map(({ name }) => name)).toEqual(['other', 'eu-to-uk']);
    expect(copies.map(({ topic }) => topic)).toEqual(['x-customers']);
    watch.stop();
  });

  test('goes on without what nobody may read, and says so', async () => {
    const state = here();
    const denied = async () => {
      throw new LockstepError('NOT_AUTHORIZED', 'no right');
    };
    const watch = watchOf(state, denied);
    watch.look();
    await until('origins', () => state.origins.get('uk-to-us')?.unknown === 'no right');
    await watch.fresh('uk-to-us');
    watch.stop();
  });

  test('has topics wait while the source was not read, whatever a former leader had read there', async () => {
    const state = here();
    const watch = watchOf(state, () => new Promise(() => {}));
    watch.look();
    await expect(watch.fresh('uk-to-us')).rejects.toMatchObject({ retriable: true });
    put(state, 'origins/uk-to-us', {
      link: 'uk-to-us',
      source: 'uk',
      flows: [],
      copies: [],
      unknown: null,
      atMs: 1,
    });
    await expect(watch.fresh('uk-to-us')).rejects.toMatchObject({ retriable: true });
    watch.stop();
  });

  test('reads nothing where no rules stand', () => {
    const state = here();
    state.apply('rules/residency', null);
    let opened = 0;
    const watch = watchOf(state, async () => {
      opened += 1;
      return reader(uk());
    });
    watch.look();
    expect(opened).toBe(0);
    watch.stop();
  });
});
