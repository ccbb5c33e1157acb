// Where a MirrorMaker 2 keeps what it remembers, as its own file says (MirrorMakerConfig.workerConfig): behind the
// destination's alias, or for the storage topics at the top; else the names of its dedicated mode.
import { readFile } from 'node:fs/promises';
import { LockstepError } from '../errors.ts';
import type { LinkConfig } from '../topology/index.ts';
import { parseProperties } from '../topology/mm2/properties.ts';
import { isStrimziManifest } from '../topology/mm2/strimzi.ts';
import type { ConnectPlace } from './types.ts';

/** What a person says instead. */
export interface ConnectNames {
  readonly offsetsTopic?: string | undefined;
  readonly group?: string | undefined;
}

/**
 * A lockstep.yaml says nothing of it: the names of the dedicated mode, unless told.
 * @throws LockstepError USAGE where a name stands behind a config provider, and for a manifest without `group`.
 */
export async function connectPlace(
  file: string,
  link: Pick<LinkConfig, 'source' | 'destination' | 'mirrorMaker'>,
  { offsetsTopic, group }: ConnectNames,
): Promise<ConnectPlace> {
  const sourceAlias = link.mirrorMaker?.sourceAlias ?? link.source;
  const destinationAlias = link.mirrorMaker?.destinationAlias ?? link.destination;
  const bytes = await readFile(file);
  const told = file.endsWith('.properties')
    ? parseProperties(bytes, file, { faultAt: () => {}, warnAt: () => {} })
    : null;
  // Its workers have names of Strimzi's: to look for others would say that they are stopped while they run.
  if (told === null && group === undefined && isStrimziManifest(bytes.toString()))
    throw new LockstepError(
      'USAGE',
      `${file}: a manifest runs on a Connect cluster; name the group of its workers: --connect-group (mirrormaker2-cluster, unless group.id or groupId says otherwise), and the topic of its offsets: --offsets-topic (mirrormaker2-cluster-offsets)`,
    );
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
