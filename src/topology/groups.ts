// One entry of `replicationGroups:` checked against the clusters and links it names, and made ready for the rooms below.
import { quote } from './describe.ts';
import { nearestName } from './did-you-mean.ts';
import { parseDurationMs } from './duration.ts';
import type { GroupShape, HookShape } from './group-schema.ts';
import { type Path, Problems } from './problems.ts';
import { resolveReferences } from './secrets.ts';
import type { LinkContext } from './sync.ts';
import { isTopicName, topicNameCharsMax } from './topic-name.ts';
import type { HookConfig, ReplicationGroupConfig } from './types.ts';

interface LinkEnds {
  readonly name: string;
  readonly source: string;
  readonly destination: string;
}

/** What a group may name. Links are those of the file, as far as their ends are known. */
export interface GroupSurroundings extends LinkContext {
  readonly clusters: readonly string[];
  readonly links: readonly LinkEnds[];
}

/** The group with its defaults; names that do not exist are added to the problems. */
export function resolveGroup(
  name: string,
  shape: GroupShape,
  around: GroupSurroundings,
): ReplicationGroupConfig {
  const at: Path = ['replicationGroups', name];
  checkRegions(shape, at, around);
  checkTopics(shape, at, around.problems);
  checkLinkNames(shape, at, around);
  const between = around.links.filter((link) => isBetween(link, shape.regions));
  return {
    name,
    regions: shape.regions,
    primary: shape.primary,
    topics: shape.topics,
    links: shape.links ?? between.map((link) => link.name),
    hooks: resolveHooks(shape.hooks, [...at, 'hooks'], around),
  };
}

function isBetween({ source, destination }: LinkEnds, regions: readonly string[]): boolean {
  return source !== destination && regions.includes(source) && regions.includes(destination);
}

function checkRegions({ regions, primary }: GroupShape, at: Path, around: GroupSurroundings): void {
  const { clusters, problems } = around;
  for (const [index, region] of regions.entries()) {
    const place = [...at, 'regions', index];
    if (regions.indexOf(region) < index)
      problems.add(place, { found: `${quote(region)} a second time`, expected: 'each region once' });
    else if (clusters.length > 0 && !clusters.includes(region))
      problems.add(place, {
        found: `the unknown cluster ${quote(region)}`,
        expected: `one of ${clusters.join(', ')}`,
        suggestion: nearestName(region, clusters),
      });
  }
  checkRegion(primary, regions, [...at, 'primary'], problems);
}

function checkRegion(region: string, regions: readonly string[], at: Path, problems: Problems): void {
  if (regions.includes(region)) return;
  problems.add(at, {
    found: `${quote(region)}, which is no region of the group`,
    expected: `one of ${regions.join(', ')}`,
    suggestion: nearestName(region, regions),
  });
}

function checkTopics({ regions, topics }: GroupShape, at: Path, problems: Problems): void {
  for (const [topic, region] of Object.entries(topics)) {
    const place = [...at, 'topics', topic];
    if (!isTopicName(topic) || topic.length > topicNameCharsMax)
      problems.addAtKey(place, { found: quote(topic), expected: 'the exact name of a topic, no pattern' });
    checkRegion(region, regions, place, problems);
  }
}

/** Every link that is named must be one, and go from one region of the group to another. */
function checkLinkNames({ regions, links }: GroupShape, at: Path, around: GroupSurroundings): void {
  const known = around.links.map((link) => link.name);
  for (const [index, name] of (links ?? []).entries()) {
    const place = [...at, 'links', index];
    const link = around.links.find((candidate) => candidate.name === name);
    if (links!.indexOf(name) < index)
      around.problems.add(place, { found: `${quote(name)} a second time`, expected: 'each link once' });
    else if (link === undefined)
      around.problems.add(place, {
        found: `the unknown link ${quote(name)}`,
        expected: known.length === 0 ? 'a link of this file, which has none' : `one of ${known.join(', ')}`,
        suggestion: nearestName(name, known),
      });
    else if (!isBetween(link, regions))
      around.problems.add(place, {
        found: `${quote(name)}, which goes from ${link.source} to ${link.destination}`,
        expected: `a link between two of the regions ${regions.join(', ')}`,
      });
  }
}

function resolveHooks(hooks: readonly HookShape[], at: Path, context: LinkContext): HookConfig[] {
  return hooks.map((hook, index) => {
    const place = [...at, index];
    checkHook(hook, hooks.slice(0, index), place, context.problems);
    const url = hook.url === undefined ? undefined : lookedUp(hook.url, [...place, 'url'], context);
    return {
      name: hook.name,
      on: hook.on,
      at: hook.at,
      ...(hook.command && { command: hook.command }),
      ...(url !== undefined && { url }),
      headers: Object.fromEntries(
        Object.entries(hook.headers).map(([header, value]) => [
          header,
          lookedUp(value, [...place, 'headers', header], context),
        ]),
      ),
      timeoutMs: parseDurationMs(hook.timeout) as number,
      isBlocking: hook.blocking,
    };
  });
}

function checkHook(hook: HookShape, former: readonly HookShape[], at: Path, problems: Problems): void {
  const { name, command, url, headers } = hook;
  if (former.some((other) => other.name === name))
    problems.add([...at, 'name'], { found: `${quote(name)} a second time`, expected: 'each hook once' });
  if (command !== undefined && url !== undefined)
    problems.addAtKey([...at, 'url'], { found: 'url beside command', expected: 'one of the two' });
  if (command === undefined && url === undefined)
    problems.add(at, {
      found: `the hook ${quote(name)} without command and url`,
      expected: 'one of the two',
    });
  if (url !== undefined && !url.includes('${') && !/^https?:\/\/[^/]/.test(url))
    problems.add([...at, 'url'], {
      found: 'something else (not shown)',
      expected: 'an http:// or https:// address',
    });
  if (command !== undefined && Object.keys(headers).length > 0)
    problems.addAtKey([...at, 'headers'], { found: 'headers beside command', expected: 'headers with url' });
}

/**
 * The text with its references looked up. Where one can't be, it is warned about and stays as written: agents read the
 * file, too, and need no hook's token, and a failover must not end at one.
 */
function lookedUp(text: string, at: Path, { sources, problems }: LinkContext): string {
  if (sources === null) return text;
  const probe = new Problems('hook', { hiddenSteps: at.length });
  const resolved = resolveReferences(text, at, sources, probe);
  if (resolved !== undefined) return resolved.text;
  problems.warn(
    at,
    `${String(at.at(-1))} has a reference that leads nowhere here; the hook fails where this is so`,
  );
  return text;
}
