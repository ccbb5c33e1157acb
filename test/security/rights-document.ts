// What docs/security.md says, as data: the commands that grant rights, and the table of what is said without them. The
// tests work with nothing else, so that the document and Lockstep can't drift apart.
import { readFileSync } from 'node:fs';
import type { Acl } from '../../src/client/index.ts';

export type Side = 'SOURCE' | 'DESTINATION';
export type Principal = 'AGENT' | 'PERSON';

/** One line of a code block. */
export interface GrantCommand {
  /** Heading that the code block stands below. */
  readonly feature: string;
  readonly side: Side;
  readonly principal: Principal;
  /** What follows `kafka-acls --bootstrap-server SIDE`. */
  readonly args: readonly string[];
  readonly rights: readonly Right[];
}

export interface Right {
  readonly side: Side;
  /** As kafka-acls spells it. */
  readonly operation: string;
  /** `topic shop.`, `cluster`: as the table has it. */
  readonly resource: string;
  readonly acl: Omit<Acl, 'principal'>;
}

/** A line of the table of what is said. */
export interface Told {
  readonly feature: string;
  /** `SOURCE Read topic shop.` */
  readonly right: string;
  /** Each of these words stands in what is said. */
  readonly words: readonly string[];
  readonly where: string;
}

/** Links, and the groups that are made of them: each with its commands and its table. */
export type Part = 'links' | 'groups';

const text = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');
const groupsBegin = text.indexOf('\n## Replication groups and moves\n');
const groupsEnd = text.indexOf('\n## ', groupsBegin + 1);

function linesOf(part: Part): string[] {
  const ofGroups = text.slice(groupsBegin, groupsEnd);
  return (part === 'groups' ? ofGroups : text.replace(ofGroups, '')).split('\n');
}

export const nameOf = ({ side, operation, resource }: Right): string => `${side} ${operation} ${resource}`;

export function grantCommands(part: Part = 'links'): GrantCommand[] {
  const commands: GrantCommand[] = [];
  let feature = '';
  for (const line of linesOf(part)) {
    const heading = /^#+ (.*)$/.exec(line);
    if (heading !== null) feature = heading[1]!;
    if (line.startsWith('kafka-acls ')) commands.push(commandOf(feature, line));
  }
  return commands;
}

/** Rows of the table whose first column is called `feature`. */
export function toldLines(part: Part = 'links'): Told[] {
  const lines = linesOf(part);
  const start = lines.findIndex((line) => /^\| *feature *\|/.test(line));
  const rows: Told[] = [];
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith('|')) break;
    const [feature, right, said, where] = line
      .split('|')
      .slice(1)
      .map((cell) => cell.trim());
    const words = [...said!.matchAll(/`([^`]+)`/g)].map(([, quoted]) => quoted!);
    rows.push({ feature: feature!, right: right!.replaceAll('`', ''), words, where: where! });
  }
  return rows;
}

function commandOf(feature: string, line: string): GrantCommand {
  const [, side, rest] = /^kafka-acls --bootstrap-server (SOURCE|DESTINATION) (--add .*)$/.exec(line) ?? [];
  if (rest === undefined) throw new Error(`docs/security.md: ${line}`);
  const args = rest.split(' ').map((word) => word.replace(/^'(.*)'$/, '$1'));
  const valuesOf = (option: string) => args.flatMap((arg, i) => (arg === option ? [args[i + 1]!] : []));
  const [principal] = valuesOf('--allow-principal').map((name) => name.replace('User:', '') as Principal);
  const patternType = valuesOf('--resource-pattern-type')[0] === 'prefixed' ? 'PREFIXED' : 'LITERAL';
  const kinds = [
    ['TOPIC', '--topic'],
    ['GROUP', '--group'],
    ['TRANSACTIONAL_ID', '--transactional-id'],
  ] as const;
  const resources = [
    ...kinds.flatMap(([type, option]) => valuesOf(option).map((name) => ({ type, name }) as const)),
    ...(args.includes('--cluster') ? [{ type: 'CLUSTER', name: 'kafka-cluster' } as const] : []),
  ];
  const rights = resources.flatMap(({ type, name }) =>
    valuesOf('--operation').map(
      (operation): Right => ({
        side: side as Side,
        operation,
        resource: type === 'CLUSTER' ? 'cluster' : `${type.toLowerCase().replace('_', ' ')} ${name}`,
        acl: {
          resourceType: type,
          resourceName: name,
          patternType,
          host: '*',
          operation: operation.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase() as Acl['operation'],
          permission: 'ALLOW',
        },
      }),
    ),
  );
  if (rights.length === 0 || principal === undefined) throw new Error(`docs/security.md: ${line}`);
  return { feature, side: side as Side, principal, args, rights };
}
