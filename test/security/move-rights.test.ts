// The rights of replication groups, by Kafka's own authorizer: with those that docs/security.md lists a person looks at a
// group, moves it, reads what was lost and restores; without any one of them the command names it, and nothing is lost by it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deleteAcls, unwrap } from '../../src/client/index.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { GuardedFleet, guardedBy, users } from './guarded-fleet.ts';
import { GuardedGroup } from './guarded-group.ts';
import { type GrantCommand, grantCommands, nameOf, type Right, toldLines } from './rights-document.ts';

const folder = useTemporaryFolder();
const usernames = [users.AGENT, users.PERSON];
const regions = useRegions({ 'us-east': guardedBy(usernames), 'eu-west': guardedBy(usernames) });
const minutes = 60_000;
/** Of links that the group does not have. */
const unused = ['Holes by transactions', 'Producer ids apart', 'ACLs', 'Quotas', 'Users'];
const [orders, bills] = ['shop.orders', 'shop.bills'];

let fleet: GuardedFleet;
let group: GuardedGroup;

const swapped = (command: GrantCommand): GrantCommand => ({
  ...command,
  side: command.side === 'SOURCE' ? 'DESTINATION' : 'SOURCE',
});

beforeAll(async () => {
  const [us, eu] = [regions['us-east'], regions['eu-west']];
  fleet = await GuardedFleet.open({ SOURCE: us, DESTINATION: eu }, folder.path);
  group = new GuardedGroup([us, eu], folder.path, [orders, bills]);
  const ofAgents = grantCommands().filter(
    ({ principal, feature }) => principal === 'AGENT' && !unused.includes(feature),
  );
  for (const command of ofAgents)
    for (const { side, rights } of [command, swapped(command)])
      await fleet.grant(
        'AGENT',
        rights.map((right) => ({ ...right, side })),
      );
  await fleet.paste(grantCommands('groups'));
  await group.start();
  await group.produce(us, orders, 'before');
  await group.mirrored();
}, 3 * minutes);
afterAll(async () => {
  await group?.[Symbol.asyncDispose]();
  fleet?.close();
});

/** By the lines of the table, in the order in which they can be tried: what is typed. */
type Trials = Readonly<Record<string, readonly string[]>>;

const [over, status] = [['--to', 'eu-west'], ['status']];
const planned = ['switchover', ...over, '--dry-run'];
const switchover = ['switchover', ...over, '--yes', '--timeout', '20s'];

/** While us-east is primary. */
const before: Trials = {
  'Following roles: SOURCE Read topic __lockstep': status,
  'Standing: SOURCE Read topic __lockstep': status,
  'Standing: DESTINATION Read topic __lockstep': status,
  'Failover: DESTINATION Write topic __lockstep': ['failover', ...over, '--yes'],
  'Failover: DESTINATION Describe topic shop.': ['failover', ...over, '--dry-run'],
  'Switchover: SOURCE DescribeConfigs topic shop.': planned,
  'Switchover: DESTINATION DescribeConfigs topic shop.': planned,
  'Switchover: SOURCE Describe cluster': planned,
  'Switchover: DESTINATION Describe cluster': planned,
  'Denying writes: SOURCE Describe cluster': [...planned, '--deny-writes'],
};
/** These end at a step, and are taken back. */
const undone: Trials = {
  'Switchover: SOURCE Read topic shop.': switchover,
  'Switchover: DESTINATION Read topic shop.': switchover,
  'Denying writes: SOURCE Alter cluster': [...switchover, '--deny-writes'],
};
const restore = ['restore', 'us-east', '--yes', '--history', 'from-divergence'];
/** Once us-east was lost and is back. */
const after: Trials = {
  'Standing: SOURCE Describe topic shop.': status,
  'Loss: SOURCE Read topic shop.': ['loss'],
  'Restore: DESTINATION Read topic shop.': ['restore', 'us-east', '--dry-run'],
  'Restore: DESTINATION DescribeConfigs topic shop.': ['restore', 'us-east', '--dry-run'],
  // Each gets a step further.
  'Restore: SOURCE DescribeConfigs topic shop.': restore,
  'Restore: SOURCE Create topic shop.': restore,
  'Restore: SOURCE Write topic shop.': restore,
  'Restore: SOURCE Delete topic shop.': restore,
  'Restore: SOURCE Write topic __lockstep': restore,
  // Said by the one that gets to the end.
  'Restore: SOURCE DescribeConfigs topic __lockstep': restore,
};

test('the table has what is said without each of the rights, and nothing else', () => {
  const granted = grantCommands('groups').flatMap(({ feature, rights }) =>
    rights.map((right) => `${feature}: ${nameOf(right)}`),
  );
  const told = toldLines('groups').map(({ feature, right }) => `${feature}: ${right}`);
  expect(told.toSorted()).toEqual(granted.toSorted());
  expect(told.toSorted()).toEqual(Object.keys({ ...before, ...undone, ...after }).toSorted());
});

/** From now on the person has the rights of these features, and no others. */
async function personMayOnly(commands: readonly GrantCommand[], features: readonly string[]): Promise<void> {
  for (const side of ['SOURCE', 'DESTINATION'] as const)
    for (const outcome of await deleteAcls(fleet.admins[side], [{ principal: `User:${users.PERSON}` }]))
      unwrap(outcome);
  for (const { principal, feature, side, rights } of commands)
    if (principal === 'PERSON' && features.includes(feature))
      await fleet.grant(
        'PERSON',
        rights.map((right) => ({ ...right, side })),
      );
}

/** Kafka lets who has one of these do the other, too. */
const implying: Readonly<Record<string, readonly string[]>> = {
  Describe: ['Read', 'Write', 'Delete', 'Alter'],
  DescribeConfigs: ['AlterConfigs'],
};

/** The right of this line, by whichever feature it was given, and those that imply it. */
function toBeTaken(line: string): {
  readonly principal: GrantCommand['principal'];
  readonly rights: Right[];
} {
  const commands = grantCommands('groups');
  const { principal, right } = commands
    .flatMap((command) => command.rights.map((each) => ({ ...command, right: each })))
    .find((each) => `${each.feature}: ${nameOf(each.right)}` === line)!;
  const isTaken = ({ side, resource, operation }: Right): boolean =>
    side === right.side &&
    resource === right.resource &&
    [right.operation, ...(implying[right.operation] ?? [])].includes(operation);
  const taken = commands
    .filter((command) => command.principal === principal)
    .flatMap(({ rights }) => rights.filter(isTaken));
  return { principal, rights: [...new Map(taken.map((each) => [nameOf(each), each])).values()] };
}

function tellsOf(trials: Trials, settle: (words: readonly string[]) => Promise<void>): void {
  const tried = toldLines('groups').map(({ feature, right, words }) => ({
    line: `${feature}: ${right}`,
    words,
  }));
  test.each(Object.entries(trials))(
    '%s: it is named',
    { timeout: 2 * minutes },
    async (line, [name, ...words]) => {
      const told = tried.find((each) => each.line === line)!.words;
      const isTold = async (): Promise<string | null> => {
        const { said } = await group.type(name!, ...words);
        return told.every((word) => said.includes(word)) ? null : said;
      };
      const { principal, rights } = toBeTaken(line);
      await fleet.take(principal, rights);
      let said: string | null = '';
      try {
        await group.eventually(
          () => `${told.join(' ... ')} to be said, and not ${said}`,
          async () => {
            said = await isTold();
            return said === null;
          },
        );
      } finally {
        await fleet.grant(principal, rights);
      }
      await settle([name!, ...words]);
    },
  );
}

/** At the primary that is switched away from: who has it is denied. */
const somebodysWrite: Right = {
  ...{ side: 'DESTINATION', operation: 'Write', resource: 'topic shop.' },
  acl: {
    ...{ resourceType: 'TOPIC', resourceName: 'shop.', patternType: 'PREFIXED', host: '*' },
    ...{ operation: 'WRITE', permission: 'ALLOW' },
  },
};

/** With all rights that are needed: it ends well. */
async function done(name: string, ...words: string[]): Promise<string> {
  const { exitCode, said } = await group.type(name, ...words);
  expect({ exitCode, said }).toMatchObject({ exitCode: 0 });
  expect(said).not.toMatch(/was refused with|Needed is/);
  return said;
}

describe('before a move', () => {
  tellsOf(before, ([name, ...words]) =>
    words.includes('--yes')
      ? Promise.resolve()
      : group.eventually(`${name} to be fine again`, async () => {
          const { exitCode, said } = await group.type(name!, ...words);
          return exitCode === 0 && !/\bFAIL\b|NOT OK|Needed is/.test(said);
        }),
  );
});

describe('in the middle of a switchover', () => {
  tellsOf(undone, async () => {
    await done('switchover', ...over, '--undo');
    await group.mirrored();
  });
});

describe('after a failover', () => {
  beforeAll(async () => {
    await personMayOnly(grantCommands('groups'), ['Standing', 'Failover']);
    await done('failover', ...over, '--yes');
    await personMayOnly(grantCommands('groups'), ['Standing', 'Failover', 'Loss', 'Restore']);
    await group.produce(regions['us-east'], orders, 'split');
    await group.produce(regions['eu-west'], orders, 'after');
  }, 2 * minutes);

  tellsOf(after, async () => {});

  test('with these rights the region is restored, and becomes primary again', {
    timeout: 2 * minutes,
  }, async () => {
    await group.mirrored();
    expect(await done('loss')).toContain('1 record in 1 of 2 partitions never came over');
    const forSwitchovers = ['Standing', 'Failover', 'Switchover', 'Denying writes'];
    await personMayOnly(grantCommands('groups').map(swapped), forSwitchovers);
    await fleet.grant('PERSON', [somebodysWrite]);
    const said = await done('switchover', '--to', 'us-east', '--deny-writes', '--yes');
    // The agents, which are another user, have to go on writing.
    expect(said).toContain(`DENY WRITE for User:${users.PERSON} (`);
    await done('status');
  });
});
