// A link's `sync:` with its defaults, its intervals in milliseconds and the passwords of its users looked up.

import { quote } from './describe.ts';
import { parseDurationMs } from './duration.ts';
import type { Path, Problems } from './problems.ts';
import { type ReferenceSources, resolveSecret } from './secrets.ts';
import type { SyncShape } from './sync-schema.ts';
import type { ScramUser, SyncConfig } from './types.ts';

/** Where references lead; null leaves them as they are written. */
export interface LinkContext {
  readonly sources: ReferenceSources | null;
  readonly problems: Problems;
}

export function resolveSync(shape: SyncShape, at: Path, context: LinkContext): SyncConfig {
  const { topics, configs, groups, acls, quotas } = shape;
  return {
    topics: withoutEvery(topics),
    configs: withoutEvery(configs),
    groups: withoutEvery(groups),
    acls: acls === undefined ? null : withoutEvery(acls),
    quotas,
    users: resolveUsers(shape.users, [...at, 'users'], context),
  };
}

function withoutEvery<Shape extends { every: string }>({
  every,
  ...rest
}: Shape): Omit<Shape, 'every'> & { everyMs: number } {
  return { everyMs: everyMs(every), ...rest };
}

/** The schema has checked that it is a duration. */
function everyMs(text: string): number {
  return parseDurationMs(text) as number;
}

function resolveUsers(users: SyncShape['users'], at: Path, context: LinkContext): ScramUser[] {
  const seen = new Set<string>();
  return users.map(({ name, mechanism, password }, index) => {
    const key = `${mechanism} ${name}`;
    if (seen.has(key)) {
      context.problems.add([...at, index], {
        found: `the user ${quote(name)} with ${mechanism} a second time`,
        expected: 'each once',
      });
    }
    seen.add(key);
    const resolved =
      context.sources === null
        ? password
        : resolveSecret(password, [...at, index, 'password'], {
            sources: context.sources,
            problems: context.problems,
          });
    return { name, mechanism, password: resolved ?? '' };
  });
}
