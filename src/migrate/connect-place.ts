// Where a MirrorMaker 2 keeps what it remembers, as its own file says (MirrorMakerConfig.workerConfig): behind the
// destination's alias, or for the storage topics at the top; else the names of its dedicated mode.
import { readFile } from 'node:fs/promises';
import { LockstepError } from '../errors.ts';
import type { LinkConfig } from '../topology/index.ts';
import { parseProperties } from '../topology/mm2/properties.ts';
import type { ConnectPlace } from './types.ts';

/** What a person says instead. */
export interface ConnectNames {
  readonly offsetsTopic?: string | undefined;
  readonly group?: string | undefined;
}

/**
 * A lockstep.yaml or a manifest says nothing of it: the names of the dedicated mode, unless told.
 * @throws LockstepError USAGE where a name stands behind a config provider.
 */
export async function connectPlace(
  file: string,
  link: Pick<LinkConfig, 'source' | 'destination' | 'mirrorMaker'>,
  { offsetsTopic, group }: ConnectNames,
): Promise<ConnectPlace> {
  const sourceAlias = link.mirrorMaker?.sourceAlias ?? link.source;
  const destinationAlias = link.mirrorMaker?.destinationAlias ?? link.destination;
  const told = file.endsWith('.properties')
    ? parseProperties(await readFile(file), file, { faultAt: () => {}, warnAt: () => {} })
    : null;
  /** The first of them that is there, as MirrorMaker 2 takes it. */
  const find = (option: string, ...keys: string[]): string | undefined => {
    const key = keys.find((each) => told?.byKey.get(each) !== undefined);
    const value = key === undefined ? undefined : told?.byKey.get(key)?.value;
    if (value?.includes('${') !== true) return value;
    throw new LockstepError('USAGE', `${file}: ${key} stands behind a config provider; name it: ${option}`);
  };
  const storage = 'offset.storage.topic';
  return {
    sourceAlias,
    group: group ?? find('--connect-group', `${destinationAlias}.group.id`) ?? `${sourceAlias}-mm2`,
    offsetsTopic:
      offsetsTopic ??
      find('--offsets-topic', storage, `${destinationAlias}.${storage}`) ??
      `mm2-offsets.${sourceAlias}.internal`,
  };
}
