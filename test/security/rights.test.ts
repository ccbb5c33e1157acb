// Least privilege, by Kafka's own authorizer: with the rights that docs/security.md lists, granted by its very commands, a
// link lives its whole life; without any one of them somebody is told which it is, and given back it mends by itself.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  alterClientQuotas,
  deleteGroups,
  deleteTopics,
  describeAcls,
  fetchGroupOffsets,
  unwrap,
} from '../../src/client/index.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import {
  type AgentProcess,
  appUser,
  GuardedFleet,
  guardedBy,
  link,
  passwordOf,
  users,
} from './guarded-fleet.ts';
import { grantCommands, nameOf, type Right, type Told, toldLines } from './rights-document.ts';
import { differences, SourceLife } from './source-life.ts';

const folder = useTemporaryFolder();
const regions = useRegions({
  'us-east': guardedBy([users.AGENT, users.PERSON, appUser]),
  'eu-west': guardedBy([users.AGENT, users.PERSON]),
});
const minutes = 60_000;
/** Granted only where it is what is tried. */
const fallback = 'Holes by transactions';

let fleet: GuardedFleet;
let life: SourceLife;
let agent: AgentProcess;

beforeAll(async () => {
  fleet = await GuardedFleet.open(
    { SOURCE: regions['us-east'], DESTINATION: regions['eu-west'] },
    folder.path,
  );
  life = new SourceLife(fleet.admins.SOURCE, appUser);
}, 3 * minutes);
afterAll(async () => {
  await agent?.stop();
  fleet?.close();
});

const done = async (...args: string[]): Promise<string> => {
  const { exitCode, stdout, stderr } = await fleet.command(...args);
  expect({ args, exitCode, stdout, stderr }).toMatchObject({ exitCode: 0 });
  return stdout;
};

const createLink = (topics: string) =>
  done(
    ...['links', 'create', link, '--source', 'us-east', '--source-config', fleet.sourceFile],
    ...['--topics', topics, '--groups', 'prefix:shop-'],
    ...['--set', 'sync.configs.every=500ms', '--set', 'sync.groups={every: 500ms, deletions: true}'],
    ...['--set', `sync.acls={every: 500ms, principals: ["User:${appUser}"]}`],
    ...['--set', `sync.quotas=[user=${appUser}]`, '--set', newUsers('new-user')],
  );
const newUsers = (...names: string[]): string =>
  `sync.users=[${names.map((name) => `{name: ${name}, mechanism: SCRAM-SHA-512, password: "\${env:NEW_USER_PASSWORD}"}`).join(', ')}]`;

/** Topics that are mirrored now. */
let isMirrored = (topic: string): boolean => topic.startsWith('shop.');

const meant = { isMeant: (topic: string) => isMirrored(topic), app: appUser };

/** What is not as it should be: logs and settings by what super users see, everything else by what is shown. */
async function ailments(): Promise<string[]> {
  const [{ links }, answers] = [await fleet.json('links', 'describe'), await fleet.answers()];
  const { condition, topicConditions, mirrors } = links[0];
  const { rights, groups } = answers;
  // biome-ignore-start lint/suspicious/noExplicitAny: what a program would read
  return [
    ...(await differences(fleet.admins.SOURCE, fleet.admins.DESTINATION, meant)),
    ...[condition, ...topicConditions].filter((each) => each !== null).map((each) => JSON.stringify(each)),
    ...mirrors
      .filter((mirror: any) => isMirrored(mirror.sourceTopic))
      .flatMap(({ sourceTopic, partitions }: any) =>
        partitions
          .filter(({ state, lagRecords }: any) => state !== 'Mirroring' || lagRecords !== 0)
          .map(
            ({ partition, state, lagRecords }: any) => `${sourceTopic}-${partition} ${state} ${lagRecords}`,
          ),
      ),
    ...Object.entries(rights)
      .filter(([, { state }]: any) => state !== 'Current')
      .map(([what, { state, reason }]: any) => `${what} ${state} ${reason}`),
    ...groups
      // A group that has nothing to do with the topics of this link is well, too.
      .filter(({ state }: any) => state !== 'Synced' && state !== 'NoPositions')
      .map(({ group, state, reason }: any) => `${group} ${state} ${reason}`),
  ];
  // biome-ignore-end lint/suspicious/noExplicitAny: what a program would read
}

async function allIsWell(): Promise<void> {
  await fleet.eventually(
    'all to be well',
    async () => {
      const found = await ailments();
      if (found.length > 0) throw new Error(found.join('; '));
      return true;
    },
    agent,
  );
}

async function startAgent(): Promise<void> {
  agent = await fleet.startAgent('a1');
  await fleet.eventually(
    'the agent to be told of',
    async () => (await fleet.json('links', 'list')).agents.length === 1,
    agent,
  );
}

const lacking = /AUTHORIZATION_FAILED|NotAuthorized|lacks |is missing;/;

describe('docs/security.md', () => {
  test('its table has what is said without each of the rights, and nothing else', () => {
    const granted = grantCommands().flatMap(({ feature, rights }) =>
      rights.map((right) => `${feature}: ${nameOf(right)}`),
    );
    const told = toldLines().map(({ feature, right }) => `${feature}: ${right}`);
    expect(told.toSorted()).toEqual(granted.toSorted());
    expect(told.filter((line) => !(line in trials)).toSorted()).toEqual(triedAlone.toSorted());
  });

  test('its commands, as they are pasted, grant what these tests believe', {
    timeout: 10 * minutes,
  }, async () => {
    const commands = grantCommands().filter(({ feature }) => feature !== fallback);
    await fleet.paste(commands);
    for (const side of ['SOURCE', 'DESTINATION'] as const) {
      const found = await describeAcls(fleet.admins[side], {});
      const wanted = commands
        .filter((command) => command.side === side)
        .flatMap(({ principal, rights }) =>
          rights.map(({ acl }) => JSON.stringify({ ...acl, principal: `User:${users[principal]}` }, keys)),
        );
      expect(found.map((acl) => JSON.stringify(acl, keys)).sort()).toEqual([...new Set(wanted)].sort());
    }
  });
});

/** A fixed order, to compare. */
const keys = ['resourceType', 'resourceName', 'patternType', 'principal', 'host', 'operation', 'permission'];

test('with exactly these rights a link lives its whole life', { timeout: 10 * minutes }, async () => {
  await life.topic('shop.orders', 2);
  await life.topic('shop.bills');
  await life.lateTopic('shop.late');
  await life.produce('shop.orders');
  // A source that has no group at all looks like one that hides them.
  await life.position('shop-early', 'shop.orders', 1n);
  await startAgent();
  await createLink('prefix:shop.');
  await allIsWell();

  // Everything that a link does by itself.
  await life.topic('shop.new', 2);
  for (const topic of ['shop.new', 'shop.bills']) await life.hole(topic);
  await life.grow('shop.orders');
  await life.produce('shop.orders');
  await life.setting('shop.orders');
  await life.position('shop-readers', 'shop.orders', 1n);
  await life.rule('shop.');
  await life.quota();
  await allIsWell();
  const [position] = await fetchGroupOffsets(fleet.admins.DESTINATION, 'shop-readers');
  expect(unwrap(position!.outcome)?.offset).toBe(1n);
  const copied = await describeAcls(fleet.admins.DESTINATION, { principal: `User:${appUser}` });
  expect(copied.map(({ resourceName }) => resourceName).sort()).toEqual([
    'shop.bills',
    'shop.late',
    'shop.new',
    'shop.orders',
  ]);

  // And what people ask of it.
  expect(await done('links', 'list')).toContain(link);
  await done('mirrors', 'list');
  await done('links', 'alter', link, '--set', newUsers('new-user', 'newer-user'));
  await done('mirrors', 'pause', '--link', link, 'shop.bills');
  await life.produce('shop.bills');
  await done('mirrors', 'resume', '--link', link, '--all');
  await allIsWell();
  await verifies();
  await done('mirrors', 'promote', '--link', link, 'shop.orders', '--timeout', '60s');
  await done('mirrors', 'promote', '--link', link, 'shop.bills', '--now', '--yes');
  const { mirrors } = await fleet.json('mirrors', 'list');
  const promoted = mirrors.filter(({ state }: { state: string }) => state === 'Promoted');
  expect(promoted.map(({ sourceTopic }: { sourceTopic: string }) => sourceTopic)).toEqual([
    'shop.bills',
    'shop.orders',
  ]);
  await done('links', 'delete', link, '--with-mirrors', '--yes');
  expect(agent.lines.filter((line) => lacking.test(line))).toEqual([]);
});

/** `lockstep verify` with the person's rights. */
async function verifies(): Promise<void> {
  const file = path.join(folder.path, 'verified.yaml');
  const clusterOf = (side: 'SOURCE' | 'DESTINATION') =>
    `{ bootstrap: ${JSON.stringify(fleet.regions[side].bootstrapOf('SASL_PLAINTEXT'))}, ` +
    `sasl: { mechanism: PLAIN, username: ${users.PERSON}, password: "${passwordOf(users.PERSON)}" } }`;
  await writeFile(
    file,
    `version: 1\nclusters:\n  us-east: ${clusterOf('SOURCE')}\n  eu-west: ${clusterOf('DESTINATION')}\n` +
      `links:\n  ${link}: { source: us-east, destination: eu-west, topics: ["prefix:shop."] }\n`,
  );
  const { exitCode, stdout, stderr } = await lockstepCommand('verify', file);
  expect({ exitCode, stdout, stderr }).toMatchObject({ exitCode: 0 });
}

/** How the lack of a right comes to light. */
interface Trial {
  /** Rights that imply this one: taken as well. */
  readonly also?: readonly string[];
  /** Does what needs the right. */
  readonly provoke: () => Promise<unknown>;
  /** Once it is given back: what shows that it works again. Default: all is well. */
  readonly mended?: () => Promise<unknown>;
}

let freshCount = 0;
const fresh = (): string => {
  freshCount += 1;
  return `shop.two.fresh-${freshCount}`;
};
const two = 'shop.two.orders';
const bills = 'shop.two.bills';
const pauseAndResume = async () => {
  await done('mirrors', 'pause', '--link', link, bills);
  await done('mirrors', 'resume', '--link', link, bills);
};
const newTopic = async () => {
  const topic = fresh();
  await life.topic(topic);
  await life.produce(topic);
};
const keepersAnew = () => done('links', 'alter', link, '--set', `sync.groups.every=${500 + ++freshCount}ms`);

/** By the lines of the table. */
const trials: Readonly<Record<string, Trial>> = {
  'Fleet: DESTINATION Read topic __lockstep': { provoke: newTopic },
  'Fleet: DESTINATION Write topic __lockstep': { provoke: newTopic },
  'Fleet: DESTINATION DescribeConfigs topic __lockstep': {
    provoke: () => restartAgent(),
    mended: restartAgent,
  },
  'Fleet: DESTINATION Read group lockstep': { provoke: async () => {} },
  'Fleet: DESTINATION Write transactional id lockstep-leader': { provoke: newTopic },
  'Copying: SOURCE Read topic shop.': { provoke: () => life.produce(two) },
  'Copying: SOURCE DescribeConfigs topic shop.': { provoke: newTopic },
  'Copying: DESTINATION Read topic shop.': { provoke: pauseAndResume },
  'Copying: DESTINATION Write topic shop.': { provoke: () => life.produce(two) },
  'Copying: DESTINATION DescribeConfigs topic shop.': {
    also: ['Settings: DESTINATION AlterConfigs topic shop.'],
    provoke: () => life.setting(two),
  },
  'Creating mirrors: DESTINATION Create topic shop.': { provoke: newTopic },
  'Partition growth: DESTINATION Alter topic shop.': { provoke: () => life.grow(bills) },
  'Settings: DESTINATION AlterConfigs topic shop.': { provoke: () => life.setting(two) },
  'Holes by markers: DESTINATION Alter cluster': { provoke: () => life.hole(two) },
  'Names of open transactions: SOURCE Describe transactional id *': {
    provoke: async () => {
      endOpen = await life.openTransaction(two);
    },
    mended: async () => {
      await endOpen('commit');
      await life.produce(two);
      await allIsWell();
    },
  },
  'Start above zero: DESTINATION Delete topic shop.': { provoke: () => life.lateTopic(fresh()) },
  'Start above zero: DESTINATION AlterConfigs topic shop.': { provoke: () => life.lateTopic(fresh()) },
  'Start above zero: DESTINATION Describe cluster': {
    also: ['Start above zero: DESTINATION Alter cluster'],
    provoke: () => life.lateTopic(fresh()),
  },
  'Start above zero: DESTINATION Alter cluster': { provoke: () => life.lateTopic(fresh()) },
  'Groups: SOURCE Describe group shop-': {
    also: ['Quotas: SOURCE Describe cluster'],
    provoke: () => keepersAnew(),
  },
  'Groups: DESTINATION Read group shop-': {
    also: ['Deletions of groups: DESTINATION Delete group shop-'],
    provoke: () => life.position('shop-g2', two, 1n),
  },
  'Groups: DESTINATION Read topic shop.': { provoke: () => life.position('shop-g3', two, 1n) },
  'Groups: DESTINATION DescribeConfigs cluster': {
    also: ['Quotas: DESTINATION AlterConfigs cluster'],
    provoke: () => keepersAnew(),
  },
  'Deletions of groups: DESTINATION Delete group shop-': {
    provoke: async () => {
      await life.position('shop-gone', two, 1n);
      await allIsWell();
      unwrap((await deleteGroups(fleet.admins.SOURCE, ['shop-gone'])).get('shop-gone')!);
    },
    mended: () =>
      fleet.eventually(
        'the group to be deleted',
        async () => (await fetchGroupOffsets(fleet.admins.DESTINATION, 'shop-gone')).length === 0,
        agent,
      ),
  },
  'ACLs: SOURCE Describe cluster': { provoke: () => life.rule('shop.two.') },
  'ACLs: DESTINATION Describe cluster': {
    also: ['ACLs: DESTINATION Alter cluster'],
    provoke: () => life.rule('shop.two.'),
  },
  'ACLs: DESTINATION Alter cluster': { provoke: () => life.rule('shop.two.') },
  'Quotas: SOURCE DescribeConfigs cluster': { provoke: () => life.quota() },
  'Quotas: SOURCE Describe cluster': { provoke: () => life.quota() },
  'Quotas: DESTINATION DescribeConfigs cluster': {
    also: ['Quotas: DESTINATION AlterConfigs cluster'],
    provoke: () => life.quota(),
  },
  'Quotas: DESTINATION Describe cluster': {
    also: ['ACLs: DESTINATION Alter cluster'],
    provoke: () => life.quota(),
  },
  'Quotas: DESTINATION AlterConfigs cluster': { provoke: () => life.quota() },
  'Users: SOURCE Describe cluster': { provoke: async () => {} },
  'Users: DESTINATION Describe cluster': {
    also: ['Users: DESTINATION Alter cluster'],
    provoke: async () => {},
  },
  'Users: DESTINATION Alter cluster': {
    provoke: () => done('links', 'alter', link, '--set', newUsers('new-user', 'newest-user')),
  },
  'Holes by transactions: DESTINATION Write transactional id lockstep.us-to-eu.': {
    also: ['Holes by markers: DESTINATION Alter cluster'],
    provoke: async () => {
      await done('links', 'alter', link, '--set', 'holes=transactions');
      await life.hole(two);
    },
    mended: async () => {
      await fleet.eventually(
        'holes to be filled without Alter on the cluster',
        async () => (await differences(fleet.admins.SOURCE, fleet.admins.DESTINATION, meant)).length === 0,
        agent,
      );
      await fleet.grant('AGENT', [rightOf('Holes by markers: DESTINATION Alter cluster')]);
      await done('links', 'alter', link, '--set', 'holes=markers');
      await allIsWell();
    },
  },
};

/** Those that are tried in tests of their own. */
const triedAlone = [
  'Fleet: DESTINATION Create topic __lockstep',
  'Promotion: DESTINATION Alter cluster',
  'Looking: DESTINATION Read topic __lockstep',
  'Commands: DESTINATION Write topic __lockstep',
  'Verifying: SOURCE Read topic shop.',
  'Verifying: DESTINATION Read topic shop.',
];

let endOpen: (how: 'commit' | 'abort') => Promise<void>;

async function restartAgent(): Promise<void> {
  await agent.stop();
  await startAgent();
}

const rightOf = (line: string): Right => {
  const found = grantCommands().flatMap(({ feature, rights }) =>
    rights.filter((right) => `${feature}: ${nameOf(right)}` === line),
  );
  if (found[0] === undefined) throw new Error(`docs/security.md grants no ${line}`);
  return found[0];
};

/** Every sentence that the agent has said or shows, since then. */
class Listener {
  readonly #agent: AgentProcess = agent;
  readonly #from = agent.lines.length;
  #before = new Set<string>();

  static async start(): Promise<Listener> {
    const listener = new Listener();
    listener.#before = new Set(await fleet.reasons());
    return listener;
  }

  async heard(words: readonly string[]): Promise<boolean> {
    const lines = this.#agent === agent ? agent.lines.slice(this.#from) : agent.lines;
    const logged = lines.map((line) => {
      const { msg, reason } = JSON.parse(line);
      return `${msg} ${reason ?? ''}`;
    });
    const shown = (await fleet.reasons()).filter((reason) => !this.#before.has(reason));
    return [...logged, ...shown].some((sentence) => words.every((word) => sentence.includes(word)));
  }
}

describe('without a right', () => {
  beforeAll(async () => {
    isMirrored = (topic) => topic.startsWith('shop.two.');
    // What the first link made is nobody's now, and left alone.
    const changes = new Map([['producer_byte_rate', null]]);
    await alterClientQuotas(fleet.admins.DESTINATION, [{ entity: { user: appUser }, changes }]);
    await life.topic(two, 2);
    await life.topic(bills);
    await life.produce(two);
    await createLink('prefix:shop.two.');
    await life.position('shop-g1', two, 1n);
    await allIsWell();
  }, 5 * minutes);

  const lines = toldLines().filter((line) => `${line.feature}: ${line.right}` in trials);

  test.each(lines)(
    '$feature, $right: it is named, and given back all is well',
    { timeout: 5 * minutes },
    async ({ feature, right, words }) => {
      const trial = trials[`${feature}: ${right}`]!;
      const names = [`${feature}: ${right}`, ...(trial.also ?? [])];
      const taken = names.map(rightOf);
      const listener = await Listener.start();
      if (feature === fallback) await fleet.grant('AGENT', taken.slice(0, 1));
      await fleet.take('AGENT', taken);
      try {
        await trial.provoke();
        await fleet.eventually(`somebody to say ${words.join(' ... ')}`, () => listener.heard(words), agent);
      } finally {
        await fleet.grant('AGENT', feature === fallback ? taken.slice(0, 1) : taken);
      }
      await (trial.mended ?? allIsWell)();
    },
  );
});

describe('what ends with it', () => {
  const wordsOf = (line: string): Told['words'] =>
    toldLines().find(({ feature, right }) => `${feature}: ${right}` === line)!.words;

  test('a promotion without Alter on the cluster says that frozen agents are not shut out', {
    timeout: 5 * minutes,
  }, async () => {
    const line = 'Promotion: DESTINATION Alter cluster';
    const listener = await Listener.start();
    await fleet.take('AGENT', [rightOf(line)]);
    try {
      await fleet.command('mirrors', 'promote', '--link', link, bills, '--now', '--yes');
      await fleet.eventually('the promotion to say so', () => listener.heard(wordsOf(line)), agent);
    } finally {
      await fleet.grant('AGENT', [rightOf(line)]);
    }
    await fleet.eventually('the mirror to be promoted', async () =>
      (await fleet.json('mirrors', 'list')).mirrors.some(
        ({ sourceTopic, state }: { sourceTopic: string; state: string }) =>
          sourceTopic === bills && state === 'Promoted',
      ),
    );
  });

  test.each(toldLines().filter(({ feature }) => ['Looking', 'Commands', 'Verifying'].includes(feature)))(
    'a person without $right ($feature) is told',
    { timeout: 5 * minutes },
    async ({ feature, right, words }) => {
      const taken = [rightOf(`${feature}: ${right}`)];
      const run = (): Promise<{ exitCode: number; stderr: string; stdout: string }> =>
        feature === 'Verifying'
          ? verifyOne()
          : feature === 'Looking'
            ? fleet.command('links', 'list')
            : fleet.command('mirrors', 'pause', '--link', link, two);
      await fleet.take('PERSON', taken);
      try {
        await fleet.eventually('the command to be refused', async () => {
          const { exitCode, stdout, stderr } = await run();
          const isTold = exitCode !== 0 && words.every((word) => `${stdout}${stderr}`.includes(word));
          if (!isTold) throw new Error(`${exitCode}: ${stdout}${stderr}`);
          return true;
        });
      } finally {
        await fleet.grant('PERSON', taken);
      }
      await fleet.eventually('the command to work again', async () => (await run()).exitCode === 0);
    },
  );

  test('an agent that may not create the control topic says so and ends', {
    timeout: 5 * minutes,
  }, async () => {
    const line = 'Fleet: DESTINATION Create topic __lockstep';
    await agent.stop();
    unwrap((await deleteTopics(fleet.admins.DESTINATION, ['__lockstep'])).get('__lockstep')!);
    await fleet.take('AGENT', [rightOf(line)]);
    const refused = await fleet.startAgent('a1');
    const error = await refused.ended;
    for (const word of wordsOf(line)) expect(error?.message).toContain(word);
    await fleet.grant('AGENT', [rightOf(line)]);
    await startAgent();
  });
});

/** One mirror that goes on. */
const verifyOne = () => lockstepCommand('verify', path.join(folder.path, 'verified.yaml'), '--topic', two);
