import { expect, test } from 'vitest';
import type { ControlTopic } from '../../control/index.ts';
import type { LinkWorker } from '../link-worker.ts';
import { promotableLink } from './promotable-link.ts';

const trouble = 'environment variable PASSWORD is not set';

function linkOf(worker: object, rules: readonly string[] = []) {
  const control = { state: { entries: () => new Map(rules.map((key) => [key, {}])) } };
  const all = {
    name: 'us',
    groups: null,
    acls: null,
    status: () => ({ discoveryError: trouble }),
    ...worker,
  };
  return promotableLink(all as unknown as LinkWorker, control as unknown as ControlTopic)!;
}
const configOf = (groups: string[], acls: object | null) => ({ groups, sync: { acls } });

test('a promotion does not end while nobody can lift what was denied', async () => {
  const released: string[] = [];
  const acls = { release: async (topics: string[]) => released.push(...topics) };
  const config = configOf([], {});
  await linkOf({ config, acls }, ['rule/1']).releaseRights(['orders']);
  expect(released).toEqual(['orders']);
  await expect(linkOf({ config }).releaseRights(['orders'])).rejects.toThrow(
    /ACLs of link us .* about to be/,
  );
  // sync.acls was taken away since, or the declaration can't be resolved here.
  await expect(linkOf({ config: null }, ['rule/1']).releaseRights(['orders'])).rejects.toThrow(trouble);
  await linkOf({ config: configOf([], null) }).releaseRights(['orders']);
});

test('a last sync that nobody makes is not called complete', async () => {
  const link = linkOf({ config: configOf(['.*'], null) });
  await expect(link.syncGroups(['orders'])).rejects.toThrow(/positions of groups of link us/);
  expect(await linkOf({ config: configOf([], null) }).syncGroups(['orders'])).toBe(null);
});
