// The files of docs/active-active.md are what they say: they load, without a warning.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadTopology, matchesTopic, mirrorNameOf } from '../../src/topology/index.ts';
import { useTemporaryFolder } from '../support/region-fixtures.ts';

const folder = useTemporaryFolder();
const names = ['us-east', 'eu-west', 'ap-south'];
/** Topics that may be in a region: its own, and mirrors of all others. */
const topicsAt = (region: string): string[] =>
  ['orders', 'stock', 'archive'].flatMap((topic) => [
    topic,
    ...names.filter((name) => name !== region).map((name) => `${name}.${topic}`),
  ]);
const page = path.resolve(import.meta.dirname, '../../docs/active-active.md');

async function load(text: string, index: number) {
  const file = path.join(folder.path, `example-${index}.yaml`);
  await writeFile(file, text);
  return loadTopology(file);
}

describe('the files of docs/active-active.md', () => {
  it('load, and each link takes what the page says', async () => {
    const markdown = await readFile(page, 'utf8');
    const files = [...markdown.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) => text!);
    const topologies = await Promise.all(files.map(load));
    expect(topologies.flatMap(({ warnings }) => warnings)).toEqual([]);
    const mirrors = topologies.map(({ links }) =>
      Object.values(links).flatMap((link) =>
        topicsAt(link.source)
          .filter((topic) => matchesTopic(link, topic))
          .map((topic) => `${link.destination}: ${mirrorNameOf(link, topic)}`),
      ),
    );
    expect(mirrors.map((each) => each.sort())).toEqual([
      ['eu-west: us-east.orders', 'us-east: eu-west.orders'],
      names
        .flatMap((at) => names.filter((from) => from !== at).map((from) => `${at}: ${from}.orders`))
        .sort(),
      [
        'ap-south: us-east.eu-west.stock',
        'eu-west: us-east.ap-south.stock',
        'us-east: ap-south.stock',
        'us-east: eu-west.stock',
      ],
      ['eu-west: us-east.archive', 'eu-west: us-east.orders'],
    ]);
  });
});
