// Data set free: whatever links, prefixes, filters and cascades there are, what the decision lets through never brings data
// to a cluster where a rule forbids it. The data itself knows where it has been; the decision sees names and links alone.
//
// Invariants:
//   1. No data arrives where a rule about its labels forbids it, given all clusters that it has been in.
//   2. That holds also when filters are narrowed on the way, so that links do not take any more what they have copied.
//   3. Nothing is kept back where no rule speaks of any label that the data could have.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchesTopic } from '../link-filters.ts';
import { mirrorNameOf } from '../mirror-name.ts';
import { type Flow, forbidding, type LabelSelector, type ResidencyWorld } from './index.ts';

const clusters = ['a', 'b', 'c', 'd'] as const;
const topics = ['customers', 'pii.x', 'orders', 'x.customers'] as const;
const residencies = ['eu', 'uk', 'us'] as const;

const flowArbitrary = fc
  .record({
    source: fc.constantFrom(...clusters),
    destination: fc.constantFrom(...clusters),
    topics: fc.subarray(['.*', 'customers', 'prefix:pii.', 'orders', 'regex:.*customers'], { minLength: 1 }),
    excludeTopics: fc.subarray(['orders', 'customers']),
    prefix: fc.constantFrom('', 'x.', 'pii.', 'a.', 'copy-'),
  })
  .filter(({ source, destination }) => source !== destination);
const selector = fc
  .subarray([...residencies], { minLength: 1, maxLength: 2 })
  .map((residency): LabelSelector => ({ residency }));
const worldArbitrary = fc
  .record({
    labels: fc.array(fc.constantFrom(...residencies, null), { minLength: 4, maxLength: 4 }),
    flows: fc.array(flowArbitrary, { maxLength: 5 }),
    rules: fc.array(
      fc.record({
        topics: fc.constantFrom<LabelSelector>({ data: ['pii'] }, { data: ['pii', 'open'] }),
        from: fc.option(selector, { nil: undefined }),
        place: selector,
        isOnly: fc.boolean(),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  })
  .map(
    ({ labels, flows, rules }): ResidencyWorld => ({
      clusters: Object.fromEntries(
        clusters.flatMap((name, index) =>
          labels[index] === null ? [] : [[name, { labels: { residency: labels[index]! } }] as const],
        ),
      ),
      topicLabels: [
        { topics: ['customers', 'prefix:pii.'], labels: { data: 'pii' } },
        { topics: ['orders'], labels: { data: 'open' } },
      ],
      rules: rules.map(({ topics: about, from, place, isOnly }, index) => ({
        ...{ name: `r${index}`, topics: about },
        ...(from && { from }),
        ...(isOnly ? { only: place } : { never: place }),
      })),
      flows: flows.map((flow, index) => ({ ...flow, name: `l${index}`, mirrorMaker: null })),
      ...{ copies: [], groups: [] },
    }),
  );

/** Records of one origin: where they have been, and the labels of all names that they bore. */
interface Data {
  readonly been: ReadonlySet<string>;
  readonly labels: ReadonlySet<string>;
  /** The link that copies it there; none where clients wrote it. */
  readonly writer?: string;
}

const labelsOf = (topic: string): string[] => [
  ...(topic === 'customers' || topic.startsWith('pii.') ? ['pii'] : []),
  ...(topic === 'orders' ? ['open'] : []),
];

/** By hand, without anything of what is tested. */
function mustNotBe({ clusters: known, rules }: ResidencyWorld, data: Data, at: string): string | null {
  const residency = known[at]?.labels.residency;
  for (const rule of rules) {
    if (!rule.topics.data!.some((value) => data.labels.has(value))) continue;
    const comes = [...data.been].some((cluster) => {
      const of = known[cluster]?.labels.residency;
      return (
        cluster !== at && (rule.from === undefined || of === undefined || rule.from.residency!.includes(of))
      );
    });
    if (!comes) continue;
    if (rule.never !== undefined && (residency === undefined || rule.never.residency!.includes(residency)))
      return rule.name;
    if (rule.only !== undefined && (residency === undefined || !rule.only.residency!.includes(residency)))
      return rule.name;
  }
  return null;
}

const namesMax = 60;

/** Copies what may be copied, until nothing new comes. @returns what went wrong */
function spread(world: ResidencyWorld, steps: readonly (readonly Flow[])[]): string[] {
  const at = new Map<string, Data>();
  for (const cluster of clusters)
    for (const topic of topics)
      at.set(`${cluster}/${topic}`, { been: new Set([cluster]), labels: new Set(labelsOf(topic)) });
  const wrong: string[] = [];
  for (const flows of steps) {
    const now = { ...world, flows };
    for (let isNew = true; isNew && at.size < namesMax; ) {
      isNew = false;
      for (const flow of flows)
        for (const [key, data] of [...at]) {
          const [cluster, topic] = key.split('/') as [string, string];
          if (cluster !== flow.source || !matchesTopic(flow, topic) || forbidding(now, flow, topic) !== null)
            continue;
          const name = mirrorNameOf(flow, topic);
          const mirror = `${flow.destination}/${name}`;
          const before = at.get(mirror);
          // A topic has one writer: another one's name is not taken.
          if (before !== undefined && !data.been.has(flow.destination) && topics.includes(name as 'orders'))
            continue;
          if (before?.writer !== undefined && before.writer !== flow.name) continue;
          const been = new Set([...(before?.been ?? []), ...data.been, flow.destination]);
          const labels = new Set([...(before?.labels ?? []), ...data.labels, ...labelsOf(name)]);
          if (before?.been.size === been.size && before.labels.size === labels.size) continue;
          at.set(mirror, { been, labels, writer: flow.name });
          isNew = true;
          const rule = mustNotBe(world, { been: new Set([...data.been]), labels }, flow.destination);
          if (rule !== null)
            wrong.push(`${key} over ${flow.name} to ${mirror}, which ${rule} forbids (${[...data.been]})`);
        }
    }
  }
  return wrong;
}

const runs = { numRuns: 400 };

test('nothing that is let through brings data where a rule forbids it', () => {
  fc.assert(
    fc.property(worldArbitrary, (world) => {
      expect(spread(world, [world.flows])).toEqual([]);
    }),
    runs,
  );
});

test('nor when links with a prefix are narrowed after they have copied', () => {
  fc.assert(
    fc.property(worldArbitrary, (world) => {
      const narrowed = world.flows.map((flow) =>
        flow.prefix === '' ? flow : { ...flow, topics: ['nothing-of-all-this'] },
      );
      // Those that were narrowed stand beside new ones that take everything that is there.
      const later = world.flows.map((flow, index) => ({ ...flow, name: `m${index}`, prefix: `m${index}.` }));
      expect(spread(world, [world.flows, [...narrowed, ...later]])).toEqual([]);
    }),
    runs,
  );
});

test('what no rule speaks of is never kept back', () => {
  fc.assert(
    fc.property(worldArbitrary, (world) => {
      const others = {
        ...world,
        rules: world.rules.map((rule) => ({ ...rule, topics: { data: ['secret'] } })),
      };
      for (const flow of world.flows)
        for (const topic of topics) expect(forbidding(others, flow, topic)).toBeNull();
    }),
  );
});
