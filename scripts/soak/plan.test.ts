import { expect, test } from 'vitest';
import { type PlannedFault, planFaults } from './plan.ts';

const options = { seed: 7, durationMs: 600_000, brokers: { source: 1, destination: 3 }, agents: 3 };

function all(seed: number, durationMs = options.durationMs): PlannedFault[] {
  return Object.values(planFaults({ ...options, seed, durationMs })).flat();
}

test('the same seed gives the same plan, another seed another one', () => {
  expect(planFaults(options)).toEqual(planFaults(options));
  expect(all(8)).not.toEqual(all(7));
});

test('ten minutes hold every kind of fault', () => {
  const seen = new Set(
    all(1).map(({ fault }) =>
      fault.kind === 'network'
        ? fault.fault.kind
        : `${fault.kind} ${'how' in fault ? fault.how : ''} ${'side' in fault ? fault.side : ''}`.trim(),
    ),
  );
  const brokers = ['source', 'destination'].flatMap((side) =>
    ['kill', 'freeze', 'stop'].map((how) => `broker ${how} ${side}`),
  );
  const network = [
    'delay',
    'bandwidth',
    'trickle',
    'stall',
    'halfOpen',
    'cutInFrame',
    'cut',
    'cutAll',
    'refuse',
  ];
  expect([...seen].sort()).toEqual(
    ['agent kill', 'agent freeze', 'agent outsleep', 'agent stop', 'trim', ...brokers, ...network].sort(),
  );
});

test('within a track one fault ends before the next begins, and all end in time', () => {
  for (let seed = 1; seed <= 50; seed++) {
    for (const track of Object.values(planFaults({ ...options, seed }))) {
      let freeAt = 0;
      for (const { atMs, forMs } of track) {
        expect(atMs).toBeGreaterThanOrEqual(freeAt);
        freeAt = atMs + forMs;
      }
      expect(freeAt).toBeLessThanOrEqual(options.durationMs);
    }
  }
});

test('a short round still has several faults', () => {
  for (let seed = 1; seed <= 50; seed++) expect(all(seed, 15_000).length).toBeGreaterThanOrEqual(8);
});

test('every agent has its turn, one of them is always there, and so have the brokers that the fleet leans on', () => {
  const { agents, 'last agent': last } = planFaults(options);
  const hit = (track: readonly PlannedFault[]) =>
    new Set(track.flatMap(({ fault }) => (fault.kind === 'agent' ? [fault.agent] : [])));
  expect(hit(agents)).toEqual(new Set([0, 1]));
  expect(hit(last)).toEqual(new Set([2]));
  const brokers = all(7).flatMap(({ fault }) => (fault.kind === 'broker' ? [fault.broker] : []));
  expect(brokers).toEqual(expect.arrayContaining([0, 1, 2, 'controlLeader', 'fleetCoordinator']));
});

test('who is frozen for long sleeps longer than a session of 10 s', () => {
  const long = all(3).filter(({ fault }) => fault.kind === 'agent' && fault.how === 'outsleep');
  expect(long.length).toBeGreaterThan(0);
  for (const { forMs } of long) expect(forMs).toBeGreaterThan(10_000);
});
