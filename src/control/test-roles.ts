// Roles as tests need them: us and eu, us is primary, and links both ways.
import type { RolesRecord } from './records/index.ts';

export function testRoles(changes: Partial<RolesRecord> = {}): RolesRecord {
  return {
    v: 1,
    group: 'shop',
    generation: 1,
    regions: ['us', 'eu'],
    links: ['us-to-eu', 'eu-to-us'],
    primary: { region: 'us', sinceGeneration: 1 },
    topics: {},
    awaitsRestore: {},
    changedBy: 'declared',
    moveId: null,
    by: 'ann@host',
    atMs: 1,
    ...changes,
  };
}
