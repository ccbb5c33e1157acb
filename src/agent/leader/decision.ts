// What a decision is, and what all decisions about commands look up.
import {
  type Change,
  type FleetState,
  type LinkDeclaration,
  type LinkRecord,
  linkKey,
  type MirrorRecord,
  mirrorKey,
  recordVersion,
} from '../../control/index.ts';
import { type ErrorCode, LockstepError } from '../../errors.ts';
import type { LinkConfig } from '../../topology/index.ts';
import { plural } from '../../units.ts';

export type Decision =
  | {
      readonly kind: 'accepted';
      readonly message: string;
      readonly changes: readonly Change[];
      readonly entries: ReadonlyMap<string, object | null>;
      /** The answer follows when these mirrors are promoted or gone. */
      readonly awaits?: readonly string[];
    }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string };

export interface DecisionContext {
  readonly nowMs: number;
  /** When the command arrived here, by the clock of `nowMs`; undefined for one that stood in the topic before us. */
  readonly heardAtMs?: number | undefined;
  /** The declaration with its defaults; throws LockstepError CONFIG_INVALID naming every fault. */
  resolve(declaration: LinkDeclaration): LinkConfig;
  /** Faults between links: throws as `resolve`. Links of a replication group take turns, so they may name one topic. */
  checkTogether(
    links: readonly LinkDeclaration[],
    groups?: readonly { readonly links: readonly string[] }[],
  ): void;
  /** Faults between links of several fleets (`refuseLoops`): throws as `resolve`. Default: nobody looks for them. */
  refuseLoops?(state: FleetState, links: readonly LinkDeclaration[], changed: readonly string[]): void;
}

export function linkOf(state: FleetState, name: string): LinkRecord {
  const link = state.links.get(name);
  checkOurs(state, linkKey(name));
  if (link?.isDeleted === true) throw beingDeleted(name);
  if (link !== undefined) return link;
  const names = [...state.links.keys()].join(', ');
  throw new LockstepError(
    'USAGE',
    `there is no link ${name}; ${names === '' ? 'there is none yet' : `there are: ${names}`}`,
  );
}

export function beingDeleted(name: string): LockstepError {
  return new LockstepError('USAGE', `link ${name} is being deleted; declare it again when it is gone`);
}

export function mirrorsOf(state: FleetState, link: string): MirrorRecord[] {
  return [...state.mirrors.values()].filter((mirror) => mirror.link === link);
}

/** @throws LockstepError where there are mirrors that this version can't read: "all" would be said of some. */
export function allMirrorsOf(state: FleetState, link: string): MirrorRecord[] {
  const prefix = mirrorKey({ link, sourceTopic: '' });
  for (const key of state.foreign.keys()) if (key.startsWith(prefix)) checkOurs(state, key);
  return mirrorsOf(state, link);
}

/** Values of a newer Lockstep are not ours to write. */
export function checkOurs(state: FleetState, key: string): void {
  const version = state.foreign.get(key);
  if (version === undefined) return;
  throw new LockstepError(
    'UNSUPPORTED_VERSION',
    `${key} was written by a newer Lockstep (version ${version} of its shape, ours is ${recordVersion}); use that one, or wait until the whole fleet runs it`,
  );
}

export function nameOf({ link, sourceTopic }: MirrorRecord): string {
  return `${link}/${sourceTopic}`;
}

export function asList(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

export function summary(changes: readonly Change[]): string {
  const done = changes.filter(({ action }) => action !== 'none').length;
  return done === 0 ? 'nothing to change' : plural(done, 'change');
}

export function accepted(
  message: string,
  changes: readonly Change[],
  entries: ReadonlyMap<string, object | null>,
  awaits: readonly string[] = [],
): Decision {
  return { kind: 'accepted', message, changes, entries, ...(awaits.length > 0 && { awaits }) };
}

export function refused(code: ErrorCode, message: string): Decision {
  return { kind: 'refused', code, message };
}
