// Regions for tests: in a temporary folder, always cleaned up, whatever the test does.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { createRegion, type Region, type RegionOptions } from '../../src/regions/index.ts';

export type RegionFixtureOptions = Omit<RegionOptions, 'name' | 'directory'>;

/** Small heaps: tests move little data, and several developers share the machine. */
const testHeapMb = 256;

/** A folder that is removed after the tests of the calling file. */
export function useTemporaryFolder(): { readonly path: string } {
  const folder = { path: '' };
  beforeAll(async () => {
    folder.path = await mkdtemp(path.join(tmpdir(), 'lockstep-test-'));
  });
  afterAll(() => rm(folder.path, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

/**
 * Regions that run during the tests of the calling describe or file. The object is filled before the first
 * test and its regions are destroyed after the last one, also when the start or a test failed.
 *
 *     const regions = useRegions({ 'us-east': {}, 'eu-west': { kafkaVersion: '3.9.2' } });
 *     test('...', () => regions['us-east'].bootstrap)
 */
export function useRegions<Name extends string>(
  wanted: Record<Name, RegionFixtureOptions>,
): Readonly<Record<Name, Region>> {
  const regions = {} as Record<Name, Region>;
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'lockstep-regions-'));
    for (const [name, options] of Object.entries(wanted) as [Name, RegionFixtureOptions][]) {
      regions[name] = await createRegion({
        heapMb: testHeapMb,
        ...options,
        name,
        directory: path.join(folder, name),
      });
    }
    await Promise.all(Object.values<Region>(regions).map((region) => region.start()));
  });
  afterAll(async () => {
    await Promise.all(Object.values<Region>(regions).map((region) => region.destroy()));
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  });
  return regions;
}

/** A name that no other test of this run uses, so that tests of a file can share a region. */
export function uniqueTopic(prefix: string): string {
  topicCount++;
  return `${prefix}-${process.pid.toString(36)}-${topicCount}`;
}
let topicCount = 0;
