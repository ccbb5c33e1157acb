import { expect, test } from 'vitest';
import type { LinkRecord, MirrorRecord } from '../../control/index.ts';
import { parseTopology } from '../../topology/index.ts';
import { requireSameNames } from './standing-link.ts';

const { links } = parseTopology(
  `version: 1
clusters: { us: { bootstrap: ["us:9092"] }, eu: { bootstrap: ["eu:9092"] } }
links: { us-to-eu: { source: us, destination: eu, topics: [".*"], mirrorMaker: { separator: "_" } } }
`,
  'l.yaml',
  { folder: '/', environment: {}, readFile: () => '' },
);
const link = links['us-to-eu']!;

function fleet(config: Record<string, unknown>, more: Partial<LinkRecord> = {}, mirrorCount = 2) {
  const source = { name: 'us', bootstrap: ['us:9092'] };
  const record: LinkRecord = {
    ...{ v: 1, name: 'us-to-eu', source, destination: 'eu', generation: 1, createdAtMs: 1, changedAtMs: 1 },
    ...{ config: { topics: ['.*'], ...config }, ...more },
  };
  const mirror = { link: 'us-to-eu' } as MirrorRecord;
  return {
    links: new Map([[record.name, record]]),
    mirrors: Array.from({ length: mirrorCount }, () => mirror),
  };
}

test('a link of this name whose mirrors are called otherwise is in the way, with the commands that make way', () => {
  expect(() => requireSameNames(link, fleet({ prefix: 'us.' }), 'l.yaml')).toThrow(
    'link us-to-eu stands in the fleet of eu already, with 2 mirrors called us.TOPIC, and l.yaml calls them us_TOPIC. ' +
      'Delete it first: lockstep agent --file l.yaml --cluster eu, and beside it: lockstep links delete us-to-eu --with-mirrors --file l.yaml --cluster eu',
  );
});

test.each([
  ['with the same names', fleet({ mirrorMaker: { separator: '_' } })],
  ['without mirrors', fleet({ prefix: 'us.' }, {}, 0)],
  ['that is being deleted', fleet({ prefix: 'us.' }, { isDeleted: true })],
  ['of another name', fleet({ prefix: 'us.' }, { name: 'other' })],
])('one %s is not', (_, standing) => {
  expect(() => requireSameNames(link, standing, 'l.yaml')).not.toThrow();
});
