import { expect, test } from 'vitest';
import type { GroupStanding, LinkStanding } from '../../failover/standing/index.ts';
import { Output } from '../output/output.ts';
import { lossWords, statusText } from './status-text.ts';

const stream = { write: () => true };
const output = new Output({ stdout: stream, stderr: stream, environment: {} });
const atMs = Date.UTC(2026, 10, 21, 14);

const loss = { recordsMin: 1_200n, partitionCount: 36, unseenCount: 0, heardAgoMs: 2_000, perSecond: 60 };
const link = (changes: Partial<LinkStanding>): LinkStanding => ({
  ...{ name: 'us-to-eu', source: 'us-east', destination: 'eu-west', isThere: true, direction: 'copies' },
  ...{ conditions: [], mirrors: { Mirroring: 3 }, partitionCount: 36, ended: [], diverged: [] },
  ...{ lagRecords: 1_200n, behindMs: 350, unknownCount: 0, loss },
  ...changes,
});

const standing: GroupStanding = {
  ...{ group: 'shop', atMs },
  roles: {
    ...{
      v: 1,
      group: 'shop',
      generation: 3,
      regions: ['us-east', 'eu-west'],
      links: ['us-to-eu', 'eu-to-us'],
    },
    ...{ primary: { region: 'us-east', sinceGeneration: 3 }, awaitsRestore: {} },
    topics: { invoices: { region: 'eu-west', sinceGeneration: 1 } },
    ...{ changedBy: 'switchover', moveId: 'm-7', by: 'ann@laptop', atMs: atMs - 7_500_000 },
  },
  primarySince: { atMs: atMs - 7_500_000, changedBy: 'switchover', moveId: 'm-7', by: 'ann@laptop' },
  regions: [
    {
      ...{ name: 'us-east', gone: null, isPrimary: true, ownTopics: [], rolesGeneration: 3 },
      ...{ livingAgents: 1, awaitsRestore: [], contradictions: [] },
    },
    {
      ...{ name: 'eu-west', gone: null, isPrimary: false, ownTopics: ['invoices'], rolesGeneration: 3 },
      ...{ livingAgents: 2, awaitsRestore: [], contradictions: [] },
    },
  ],
  links: [
    link({}),
    link({
      ...{ name: 'eu-to-us', source: 'eu-west', destination: 'us-east', direction: 'both' },
      ...{ mirrors: { Mirroring: 1 }, partitionCount: 1, lagRecords: 0n, behindMs: 0 },
      loss: { recordsMin: 0n, partitionCount: 36, unseenCount: 0, heardAgoMs: 400, perSecond: 0 },
    }),
  ],
  failovers: [{ to: 'eu-west', from: ['us-east'], blocked: null, loss, reverse: [] }],
  ...{ moves: [], splitBrains: [], problems: [] },
};

test('a group in order, on one screen', () => {
  expect(statusText(standing, output)).toBe(`\
group shop  primary us-east since 2026-11-21 11:55:00 UTC (switchover m-7 by ann@laptop), roles generation 3; eu-west is primary for invoices

REGION   ROLE                           AGENTS  ROLES         STATE
us-east  primary                        1       generation 3  answers
eu-west  standby, primary for invoices  2       generation 3  answers

LINK      FROM     TO       DOES         MIRRORS      PARTITIONS    LAG  BEHIND  SOURCE HEARD  CONDITION
us-to-eu  us-east  eu-west  copies       3 Mirroring          36  1,200  350 ms  2.0 s ago     -
eu-to-us  eu-west  us-east  copies some  1 Mirroring           1      0    0 ms  400 ms ago    -

a failover to eu-west now would lose at least 1,200 records; the source was last heard 2.0 s ago at 60 records a second; later is unknown
  the way back is ready

ok  nothing that is known would make a failover unsafe
`);
});

test('a region that is gone, and what follows', () => {
  const [us, eu] = standing.regions as [(typeof standing.regions)[number], (typeof standing.regions)[number]];
  const text = statusText(
    {
      ...standing,
      regions: [{ ...us, gone: 'connection refused', livingAgents: null, rolesGeneration: null }, eu],
      links: [link({ unknownCount: 2, conditions: [{ topic: null, state: 'Trouble', reason: 'refused' }] })],
      failovers: [
        { to: 'eu-west', from: ['us-east'], blocked: null, loss, reverse: ['us-east does not answer'] },
      ],
      problems: [{ what: 'us-east does not answer', remedy: 'bring it back' }],
    },
    output,
  );
  expect(text).toContain(
    'us-east  primary                        unknown  unknown       GONE: connection refused',
  );
  expect(text).toContain('1,200, unknown for 2');
  expect(text).toContain('2.0 s ago     Trouble');
  expect(text).toContain('  the way back is NOT ready: us-east does not answer\n');
  expect(text.endsWith('NOT OK  us-east does not answer\n        bring it back\n')).toBe(true);
});

test('a region that nothing can fail over to says so, and no number of records', () => {
  const [outlook] = standing.failovers;
  const blocked = '2 topics there await a restore';
  const text = statusText({ ...standing, failovers: [{ ...outlook!, blocked }] }, output);
  expect(text).toContain('nothing can fail over to eu-west now: 2 topics there await a restore\n');
  expect(text).not.toContain('would lose');
});

test('what is unknown is said as such', () => {
  const unseen = { unseenCount: 2, heardAgoMs: null, perSecond: null };
  expect(lossWords({ ...unseen, recordsMin: 0n, partitionCount: 2 })).toBe(
    'an unknown number of records: nothing is known of 2 partitions',
  );
  expect(lossWords({ ...unseen, recordsMin: 7n, partitionCount: 4 })).toBe(
    'at least 7 records; of 2 of 4 partitions nothing is known; when the source was last heard is unknown; later is unknown',
  );
});

test('where nobody knows the roles nobody is called standby', () => {
  const text = statusText({ ...standing, roles: null, primarySince: null }, output);
  expect(text).toMatch(/^us-east {2}unknown/m);
});
