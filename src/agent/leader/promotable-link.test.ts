import { expect, test } from 'vitest';
import { agentKey, type ControlTopic, FleetReducer, statusKey } from '../../control/index.ts';
import { testAgent, testStatus } from '../../control/test-records.ts';
import type { LinkWorker } from '../link-worker.ts';
import { promotableLink } from './promotable-link.ts';

function seen(sourceEnd: string | null) {
  const state = new FleetReducer();
  const status = { ...testStatus(), sourceEnd, sourceSeen: { end: '10', atMs: 5 } };
  const key = statusKey({ link: 'us-to-eu', topic: 'orders', partition: 0 });
  state.apply(key, JSON.stringify(status));
  state.apply(agentKey('a1'), JSON.stringify({ ...testAgent('a1'), heardAtMs: { 'us-to-eu': 900 } }));
  const worker = { name: 'us-to-eu', source: null, producerIdOf: () => 1n } as unknown as LinkWorker;
  return promotableLink(worker, { state } as unknown as ControlTopic)!.seen('orders', 0);
}

test('an idle partition was seen when its agent heard of the source last', () => {
  expect(seen('10')).toEqual({ sourceEnd: 10n, atMs: 900 });
});

test('one whose broker is silent was not, though others of the source are heard', () => {
  expect(seen(null)).toEqual({ sourceEnd: 10n, atMs: 5 });
});
