// Groups checked against their links and each other: each pair of regions needs the same topics both ways, at the same
// names and offsets, and no link may be told its direction by two groups.
import { quote } from './describe.ts';
import type { Path, Problems } from './problems.ts';
import type { LinkConfig, ReplicationGroupConfig } from './types.ts';

export function checkGroupsTogether(
  groups: readonly ReplicationGroupConfig[],
  links: Readonly<Record<string, LinkConfig>>,
  problems: Problems,
): void {
  const groupOf = new Map<string, string>();
  for (const group of groups) {
    const own = group.links.map((name) => links[name]!);
    for (const [index, link] of own.entries()) {
      const other = groupOf.get(link.name);
      if (other !== undefined)
        // The nearest place there is: links may have been left out.
        problems.add(['replicationGroups', group.name, 'links', index], {
          found: `the link ${quote(link.name)}, which is in the group ${other} too`,
          expected: 'each link in one group only',
        });
      groupOf.set(link.name, group.name);
      checkNamesAndOffsets(link, group, problems);
    }
    checkPairs(group, own, problems);
  }
}

/** A topic that changes sides keeps its name and its offsets. */
function checkNamesAndOffsets(link: LinkConfig, { name }: ReplicationGroupConfig, problems: Problems): void {
  if (link.prefix !== '')
    problems.add(['links', link.name, 'prefix'], {
      found: `${quote(link.prefix)} on a link of the group ${name}`,
      expected: 'no prefix: a topic that changes sides keeps its name',
    });
  if (link.mirrorMaker?.policy === 'identity' && link.mirrorMaker.mirrorsHeartbeats)
    problems.add(['links', link.name, 'mirrorMaker'], {
      found: `heartbeats, whose mirrors have the alias in front, on a link of the group ${name}`,
      expected: 'mirrorHeartbeats: false',
    });
  if (link.start === 'shifted')
    problems.add(['links', link.name, 'start'], {
      found: `"shifted" on a link of the group ${name}`,
      expected: 'fill: a topic that changes sides keeps its offsets',
    });
}

function checkPairs(group: ReplicationGroupConfig, links: readonly LinkConfig[], problems: Problems): void {
  const at: Path = ['replicationGroups', group.name];
  for (const [index, one] of group.regions.entries()) {
    for (const other of group.regions.slice(index + 1)) {
      const forth = links.filter((link) => link.source === one && link.destination === other);
      const back = links.filter((link) => link.source === other && link.destination === one);
      if (forth.length === 0 || back.length === 0) {
        const missing =
          forth.length > 0
            ? `${other} to ${one}`
            : back.length > 0
              ? `${one} to ${other}`
              : `${one} to ${other}, and none back`;
        problems.addAtKey([...at, 'links'], {
          found: `no link from ${missing}`,
          expected: 'links both ways between each two regions',
        });
      } else checkSameTopics(forth, back, problems);
    }
  }
}

/** What goes one way only would be lost to a failover, or stay behind after it. */
function checkSameTopics(
  forth: readonly LinkConfig[],
  back: readonly LinkConfig[],
  problems: Problems,
): void {
  for (const key of ['topics', 'excludeTopics', 'groups', 'excludeGroups'] as const) {
    const there = forth.flatMap((link) => link[key]);
    const here = back.flatMap((link) => link[key]);
    const onlyThere = there.find((item) => !here.includes(item));
    const single = onlyThere ?? here.find((item) => !there.includes(item));
    if (single === undefined) continue;
    const names = (some: readonly LinkConfig[]): string => some.map(({ name }) => name).join(', ');
    problems.add(['links', back[0]!.name, key], {
      found: `other ${key} than ${names(forth)}: ${quote(single)} is in ${names(onlyThere === undefined ? back : forth)} only`,
      expected: 'the same both ways in a group',
    });
  }
}
