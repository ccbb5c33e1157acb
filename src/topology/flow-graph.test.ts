import { describe, expect, it } from 'vitest';
import { drawn, type FlowEnd, findLoop, isSameCluster, type LinkFlow, returnOf } from './flow-graph.ts';

const [us, eu, ap] = ['us-east', 'eu-west', 'ap-south'].map((name) => ({ name, id: `id of ${name}` })) as [
  FlowEnd,
  FlowEnd,
  FlowEnd,
];

function flow(
  source: FlowEnd,
  destination: FlowEnd,
  topics: readonly string[],
  more: Partial<LinkFlow> = {},
): LinkFlow {
  const link = more.link ?? `${source.name}-to-${destination.name}`;
  return { topics, excludeTopics: [], prefix: '', mirrorMaker: null, ...more, link, source, destination };
}

const every = ['.*'];
const loopOf = (...flows: readonly LinkFlow[]): string | null => {
  const loop = findLoop(flows, new Set(flows.map(({ link }) => link)));
  return loop === null ? null : drawn(loop);
};

describe('a loop', () => {
  it.each<[string, readonly LinkFlow[], string]>([
    [
      'of one name in both directions',
      [flow(us, eu, ['orders']), flow(eu, us, ['orders'])],
      'us-east.orders -> eu-west.orders -> us-east.orders',
    ],
    [
      'of wide patterns in both directions',
      [flow(us, eu, every), flow(eu, us, every)],
      'us-east.any-topic -> eu-west.any-topic -> us-east.any-topic',
    ],
    [
      'of prefixes that grow',
      [flow(us, eu, every, { prefix: 'a.' }), flow(eu, us, every, { prefix: 'b.' })],
      'us-east.any-topic -> eu-west.a.any-topic -> us-east.b.a.any-topic',
    ],
    [
      'of three regions',
      [flow(us, eu, ['orders']), flow(eu, ap, ['orders']), flow(ap, us, ['orders'])],
      'us-east.orders -> eu-west.orders -> ap-south.orders -> us-east.orders',
    ],
    [
      'of three regions with prefixes',
      [
        flow(us, eu, every, { prefix: 'u.' }),
        flow(eu, ap, ['prefix:u.'], { prefix: 'e.' }),
        flow(ap, us, ['e\\.u\\..*']),
      ],
      'us-east.any-topic -> eu-west.u.any-topic -> ap-south.e.u.any-topic -> us-east.e.u.any-topic',
    ],
    [
      'of a literal name and a pattern that takes it',
      [flow(us, eu, ['orders'], { prefix: 'a.' }), flow(eu, us, ['a\\..*'], { prefix: 'b.' })],
      'us-east.orders -> eu-west.a.orders -> us-east.b.a.orders',
    ],
    [
      'of a name that only the way back knows',
      [flow(us, eu, ['pay.*'], { prefix: 'a.' }), flow(eu, us, ['a.payments'])],
      'us-east.payments -> eu-west.a.payments -> us-east.a.payments',
    ],
    [
      'of an alternative in an expression',
      [flow(us, eu, ['(orders|stock)-\\d+']), flow(eu, us, ['stock-1'])],
      'us-east.stock-1 -> eu-west.stock-1 -> us-east.stock-1',
    ],
  ])('%s', (_name, flows, way) => {
    expect(loopOf(...flows)).toBe(way);
  });

  it.each<[string, readonly LinkFlow[]]>([
    [
      'two links of active-active regions that leave the mirrors out',
      [
        flow(us, eu, every, { prefix: 'a.', excludeTopics: ['prefix:b.'] }),
        flow(eu, us, every, { prefix: 'b.', excludeTopics: ['prefix:a.'] }),
      ],
    ],
    [
      'a full mesh of literal names',
      [us, eu, ap].flatMap((from) =>
        [us, eu, ap]
          .filter((to) => to !== from)
          .map((to) => flow(from, to, ['orders'], { prefix: `${from.name}.` })),
      ),
    ],
    [
      'a hub that hands on what others write',
      [flow(us, eu, every, { prefix: 'a.' }), flow(eu, ap, every, { prefix: 'b.' })],
    ],
    [
      'two ways from one cluster to another',
      [
        flow(us, eu, every, { prefix: 'a.' }),
        flow(us, ap, every, { prefix: 'a.' }),
        flow(eu, ap, every, { prefix: 'b.' }),
      ],
    ],
    [
      'links of one replication group, which take turns',
      [flow(us, eu, every, { group: 'shop' }), flow(eu, us, every, { group: 'shop' })],
    ],
    [
      'a mirror that was promoted',
      [flow(us, eu, ['orders'], { closed: ['orders'] }), flow(eu, us, ['orders'])],
    ],
    ['MirrorMaker’s own names, which its rule about cycles leaves out', mirrorMakers()],
  ])('is not %s', (_name, flows) => {
    expect(loopOf(...flows)).toBeNull();
  });

  it('is one of MirrorMaker’s own names where the way back keeps to no such rule', () => {
    const [forth] = mirrorMakers();
    expect(loopOf(forth!, flow(eu, us, every))).toBe(
      'us-east.any-topic -> eu-west.us-east.any-topic -> us-east.us-east.any-topic',
    );
  });

  it('concerns only who changes one of its links', () => {
    const ring = [flow(us, eu, ['orders']), flow(eu, us, ['orders'])];
    expect(findLoop([...ring, flow(eu, ap, every)], new Set(['eu-west-to-ap-south']))).toBeNull();
  });

  it('is seen where a cluster is known by its address only', () => {
    const told = { name: 'source', addresses: ['US-1:9092', 'us-2:9092'] };
    const known = { ...us, addresses: ['us-1:9092'] };
    expect(loopOf(flow(told, eu, ['orders']), flow(eu, known, ['orders']))).toBe(
      'source.orders -> eu-west.orders -> us-east.orders',
    );
    expect(isSameCluster(told, { ...known, addresses: ['us-3:9092'] })).toBe(false);
    expect(isSameCluster({ ...us, addresses: ['a:1'] }, { ...eu, addresses: ['a:1'] })).toBe(false);
  });

  it('of many names and links is looked for in bounded time', () => {
    const clusters = Array.from({ length: 12 }, (_, index) => ({ name: `c${index}`, id: `c${index}` }));
    const flows = clusters.flatMap((from) =>
      clusters
        .filter((to) => to !== from)
        .map((to) =>
          flow(
            from,
            to,
            Array.from({ length: 300 }, (_, n) => `t${n}`),
            { prefix: `${from.name}.` },
          ),
        ),
    );
    expect(loopOf(...flows)).toBeNull();
  });
});

describe('a topic that would be brought back', () => {
  const forth = flow(us, eu, every, { prefix: 'a.' });
  const back = flow(eu, us, every, { prefix: 'b.' });

  it('is a mirror of the destination’s own, and nothing else of the source', () => {
    expect(drawn(returnOf(back, 'a.orders', [forth])!)).toBe(
      'us-east.orders -> eu-west.a.orders -> us-east.b.a.orders',
    );
    expect(returnOf(back, 'orders', [forth])).toBeNull();
    expect(drawn(returnOf(forth, 'b.stock', [forth, back])!)).toBe(
      'eu-west.stock -> us-east.b.stock -> eu-west.a.b.stock',
    );
  });

  it('is found behind other clusters', () => {
    const over = [forth, flow(eu, ap, every, { prefix: 'e.' })];
    const home = flow(ap, us, every);
    expect(drawn(returnOf(home, 'e.a.orders', over)!)).toBe(
      'us-east.orders -> eu-west.a.orders -> ap-south.e.a.orders -> us-east.e.a.orders',
    );
    expect(returnOf(home, 'e.orders', over)).toBeNull();
  });

  it('is none once its mirror was promoted, nor inside a group', () => {
    expect(returnOf(back, 'a.orders', [{ ...forth, closed: ['orders'] }])).toBeNull();
    expect(returnOf({ ...back, group: 'g' }, 'a.orders', [{ ...forth, group: 'g' }])).toBeNull();
  });

  it('is none for a ring of names that does not reach the destination', () => {
    const ring = [flow(eu, ap, every), flow(ap, eu, every)];
    expect(returnOf(flow(ap, us, every), 'orders', ring)).toBeNull();
  });
});

function mirrorMakers(): LinkFlow[] {
  const names = {
    policy: 'default',
    separator: '.',
    isInternalSeparated: true,
    mirrorsHeartbeats: true,
    checkpoints: null,
  } as const;
  return [
    [us, eu],
    [eu, us],
  ].map(([from, to]) =>
    flow(from!, to!, every, {
      prefix: `${from!.name}.`,
      mirrorMaker: { ...names, sourceAlias: from!.name, destinationAlias: to!.name },
    }),
  );
}
