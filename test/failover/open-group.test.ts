// Regions of a group that answer, are gone, or hang: opened side by side, in seconds.
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { groupNamed, openGroup } from '../../src/failover/open-group.ts';
import type { Topology } from '../../src/topology/index.ts';
import { configOf } from '../client/support.ts';
import { useRegions } from '../support/region-fixtures.ts';

const regions = useRegions({ 'us-east': {} });

test('a region that is gone or hangs costs its patience, and says why', async () => {
  // Takes connections and never answers, as brokers do that hang.
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as { port: number };
  const alive = configOf(regions['us-east']);
  const hanging = { host: '127.0.0.1', port };
  const topology = {
    file: 'lockstep.yaml',
    clusters: {
      // Its first broker hangs; the region is there all the same.
      'us-east': { ...alive, bootstrap: [hanging, ...alive.bootstrap] },
      'eu-west': { name: 'eu-west', bootstrap: [{ host: '127.0.0.1', port: 1 }] },
      'ap-south': { name: 'ap-south', bootstrap: [hanging] },
    },
    groups: {
      shop: { name: 'shop', regions: ['eu-west', 'us-east', 'ap-south'] },
    },
  } as unknown as Topology;
  const beganAtMs = performance.now();
  await using group = await openGroup(topology, groupNamed(topology, undefined), {
    by: 'test',
    onWarning: () => {},
    patienceMs: 2_000,
  });
  expect(performance.now() - beganAtMs).toBeLessThan(3_000);
  const { 'us-east': us, 'eu-west': eu, 'ap-south': ap } = Object.fromEntries(group.regions);
  expect([...group.regions.keys()]).toEqual(['eu-west', 'us-east', 'ap-south']);
  expect(us).toMatchObject({ name: 'us-east', state: null, cluster: { name: 'us-east' } });
  expect(eu).toMatchObject({ cluster: null, reason: '127.0.0.1:1: connection refused' });
  expect(ap).toMatchObject({ cluster: null, reason: expect.stringMatching(/within/) });
  expect(group.roles()).toBeNull();
  silent.close();
});
