// Two regions in a replication group: a lockstep.yaml with links both ways, and a fleet in each region.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { declarationOf, rolesDeclarationsOf } from '../../src/agent/declarations.ts';
import type { RolesRecord } from '../../src/control/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { loadTopology, type Topology } from '../../src/topology/index.ts';
import type { FromFile } from '../agent/running-fleet.ts';
import { platformaticProduce } from '../support/platformatic.ts';

export const group = 'shop';

export interface GroupFile {
  readonly file: string;
  readonly topology: Topology;
  /** What an agent of this region has from the file. */
  of(region: Region): Required<FromFile>;
}

/** Writes the file; links are named `us-east-to-eu-west`. */
export async function writeGroupFile(options: {
  readonly folder: string;
  readonly name?: string;
  readonly regions: readonly Region[];
  readonly topics: readonly string[];
  readonly primary: Region;
  /** Further keys of each link. */
  readonly link?: object;
  /** Topics whose primary is another region. */
  readonly primaries?: Readonly<Record<string, string>>;
}): Promise<GroupFile> {
  const { folder, name = 'lockstep.yaml', regions, topics, primary, link = {}, primaries } = options;
  const links = regions.flatMap((source) =>
    regions
      .filter((destination) => destination !== source)
      .map((destination) => [
        `${source.name}-to-${destination.name}`,
        { source: source.name, destination: destination.name, topics, ...link },
      ]),
  );
  const file = path.join(folder, name);
  const content = {
    version: 1,
    clusters: Object.fromEntries(regions.map((region) => [region.name, { bootstrap: region.bootstrap }])),
    links: Object.fromEntries(links),
    replicationGroups: {
      [group]: {
        ...{ regions: regions.map((region) => region.name), primary: primary.name },
        ...(primaries && { topics: primaries }),
      },
    },
  };
  writeFileSync(file, JSON.stringify(content));
  const topology = await loadTopology(file);
  return {
    ...{ file, topology },
    of: (region) => ({
      declare: rolesDeclarationsOf(topology),
      apply: Object.values(topology.links)
        .filter(({ destination }) => destination === region.name)
        .map((link) => declarationOf(topology, link.name)),
    }),
  };
}

/** The roles after a move that made this region primary. */
export function turned(
  before: RolesRecord,
  primary: Region,
  changes: Partial<RolesRecord> = {},
): RolesRecord {
  const generation = before.generation + 1;
  return {
    ...before,
    ...{ generation, primary: { region: primary.name, sinceGeneration: generation } },
    ...{ changedBy: 'switchover', moveId: `to-${primary.name}-${generation}`, by: 'test', atMs: Date.now() },
    ...changes,
  };
}

export async function produce(region: Region, topic: string, count: number): Promise<void> {
  await platformaticProduce({
    ...{ bootstrap: region.bootstrap, topic },
    messages: Array.from({ length: count }, (_, index) => ({
      partition: index % 2,
      value: Buffer.from(`${region.name} ${index}`),
    })),
  });
}
