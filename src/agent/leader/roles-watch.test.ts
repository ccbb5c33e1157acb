// What a leader makes of the roles that it reads at the sources of its links.
import { expect, test } from 'vitest';
import { manualClock } from '../../../test/support/manual-clock.ts';
import type { Cluster } from '../../client/index.ts';
import { FleetReducer, type LinkRecord, type RolesRecord, recordVersion } from '../../control/index.ts';
import { testRoles } from '../../control/test-roles.ts';
import { LockstepError } from '../../errors.ts';
import { type RolesReader, RolesWatch } from './roles-watch.ts';

const record: LinkRecord = {
  ...{ v: recordVersion, name: 'us-to-eu', source: { name: 'us', bootstrap: ['u:1'] }, destination: 'eu' },
  ...{ config: {}, generation: 1, createdAtMs: 1, changedAtMs: 1, group: 'shop' },
};
const away = testRoles({ generation: 2, primary: { region: 'eu', sinceGeneration: 2 }, moveId: 'm' });

class World {
  readonly ours = new FleetReducer();
  readonly theirs = new FleetReducer();
  readonly clock = manualClock();
  source = {} as Cluster;
  record = record;
  isThere = true;
  openError: LockstepError | null = null;
  openCount = 0;
  closedCount = 0;
  changes = 0;
  readonly taken: RolesRecord[] = [];
  #tell = (): void => {};
  readonly watch = new RolesWatch({
    state: this.ours,
    links: () => [{ record: this.record, sourceClient: this.source }],
    take: async (theirs) => {
      this.taken.push(theirs);
      this.ours.apply('roles/shop', JSON.stringify(theirs));
    },
    onChange: () => {
      this.changes += 1;
    },
    clock: this.clock,
    open: async (): Promise<RolesReader> => {
      this.openCount += 1;
      if (this.openError !== null) throw this.openError;
      const world = this;
      return {
        state: this.theirs,
        get isThere() {
          return world.isThere;
        },
        onChange: (listener) => {
          this.#tell = listener;
        },
        close: async () => {
          this.closedCount += 1;
        },
      };
    },
  });

  here(roles: RolesRecord): void {
    this.ours.apply('roles/shop', JSON.stringify(roles));
  }
  there(roles: RolesRecord): void {
    this.theirs.apply('roles/shop', JSON.stringify(roles));
    this.#tell();
  }
  get told() {
    return this.watch.rolesAt(this.record);
  }
}

test('newer roles are taken over as soon as they are there, older ones are not', async () => {
  const world = new World();
  world.here(testRoles());
  world.theirs.apply('roles/shop', JSON.stringify(testRoles({ by: 'another' })));
  expect(world.told).toEqual({ state: 'Unknown' });
  world.watch.start();
  await world.clock.advance(0);
  expect(world.told).toEqual({ state: 'Followed' });
  expect(world.taken).toEqual([]);
  world.there(away);
  await world.clock.advance(0);
  expect(world.taken).toEqual([away]);
  world.there(testRoles());
  await world.clock.advance(10_000);
  expect(world.taken).toEqual([away]);
  expect(world.openCount).toBe(1);
  world.watch.stop();
  expect(world.closedCount).toBe(1);
  expect(world.clock.timerCount).toBe(0);
});

test('a region without any roles gets them from the other', async () => {
  const world = new World();
  world.theirs.apply('roles/shop', JSON.stringify(away));
  world.watch.start();
  await world.clock.advance(0);
  expect(world.taken).toEqual([away]);
});

test('a split is said in words and ends with the roles that a person makes', async () => {
  const world = new World();
  world.here(testRoles({ generation: 2, topics: { bills: { region: 'eu', sinceGeneration: 2 } } }));
  world.theirs.apply('roles/shop', JSON.stringify(away));
  world.watch.start();
  await world.clock.advance(0);
  const { told } = world;
  if (told?.state !== 'SplitRoles') throw new Error('no split');
  expect(told.reason).toContain('eu against us: primary: us -> eu');
  expect(world.taken).toEqual([]);
  const changes = world.changes;
  await world.clock.advance(20_000);
  expect(world.changes).toBe(changes);
  world.here({ ...away, generation: 3 });
  world.watch.look();
  expect(world.told).toEqual({ state: 'Followed' });
});

test('a source that does not tell is named once, with the reason; one that does not answer is no news', async () => {
  const world = new World();
  world.isThere = false;
  world.openError = new LockstepError('REQUEST_TIMED_OUT', 'silent');
  world.watch.start();
  await world.clock.advance(0);
  expect(world.told).toEqual({ state: 'Unknown' });
  world.openError = new LockstepError('NOT_AUTHORIZED', 'Read on topic __lockstep is missing');
  await world.clock.advance(5_000);
  expect(world.told).toMatchObject({
    state: 'RolesUnseen',
    reason: expect.stringContaining('Read on topic'),
  });
  world.openError = null;
  await world.clock.advance(5_000);
  expect(world.told).toMatchObject({ reason: expect.stringContaining('no agent runs there yet') });
  world.isThere = true;
  await world.clock.advance(5_000);
  expect(world.told).toMatchObject({ reason: expect.stringContaining('no roles of the group shop') });
  world.theirs.apply('roles/shop', JSON.stringify({ ...away, v: 99 }));
  await world.clock.advance(5_000);
  expect(world.told).toMatchObject({ reason: expect.stringContaining('a newer Lockstep') });
});

test('another source is read anew, and a link of no group not at all', async () => {
  const world = new World();
  world.watch.start();
  await world.clock.advance(0);
  world.source = {} as Cluster;
  await world.clock.advance(5_000);
  expect([world.openCount, world.closedCount]).toEqual([2, 1]);
  const { group: _, ...free } = record;
  world.record = free;
  await world.clock.advance(5_000);
  expect([world.openCount, world.closedCount]).toEqual([2, 2]);
  expect(world.told).toBeNull();
});
