// Who writes heartbeats and checkpoints: the agent that leads, the next one when it was killed, and nobody while a right is
// missing, which people are told in so many words.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Acl, Cluster, createAcls, deleteAcls, unwrap } from '../../src/client/index.ts';
import { ControlTopic } from '../../src/control/index.ts';
import { guardChild } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { JavaClients } from '../support/java-clients.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { commitPositions, runText } from './reading-regions.ts';

const deadlineMs = 90_000;
const agent = { username: 'agent', password: 'agent-secret' };
const regions = useRegions({
  'us-east': {},
  'eu-west': { security: { sasl: { users: [agent], mechanisms: ['PLAIN'] }, authorizer: {} } },
});
const folder = useTemporaryFolder();
let clients: JavaClients;
beforeAll(async () => {
  clients = await JavaClients.start();
});
afterAll(() => clients?.[Symbol.asyncDispose]());

const lengthOf = async (topic: string): Promise<number> =>
  (await clients.ends(regions['us-east'], topic))[0]?.highWatermark ?? 0;

test('beats go on when the agent that wrote them is killed', async () => {
  const file = path.join(folder.path, 'beats.yaml');
  await writeFile(
    file,
    `version: 1
clusters: {home: {bootstrap: [${regions['us-east'].bootstrap.join(', ')}]}}
heartbeats: [{sourceAlias: far, destination: home}]
`,
  );
  const command = fileURLToPath(new URL('../../bin/lockstep.mjs', import.meta.url));
  const children: ChildProcess[] = [];
  let said = '';
  const start = (): void => {
    const child = spawn(process.execPath, [command, 'run', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    guardChild(child);
    child.stderr.on('data', (bytes) => {
      said += String(bytes);
    });
    children.push(child);
  };
  const cluster = await Cluster.connect(configOf(regions['us-east']));
  try {
    start();
    start();
    const control = await ControlTopic.open(cluster, { mayCreate: true, onWarning: () => {} });
    try {
      const agents = () => [...control.state.agents.values()];
      const telling = (isAnother: (pid: number) => boolean) => () =>
        agents().find(
          ({ isLeader, pid, told }) =>
            isLeader &&
            isAnother(pid) &&
            told?.some(({ kind, state }) => kind === 'heartbeats' && state === 'Telling'),
        );
      const wait = {
        deadlineMs,
        describe: () => `an agent to tell of beats: ${JSON.stringify(agents())}\n${said}`,
      };
      const leader = await waitFor(
        telling(() => true),
        wait,
      );
      await waitFor(() => agents().length === 2, wait);
      const victim = children.find(({ pid }) => pid === leader.pid)!;
      victim.kill('SIGKILL');
      await once(victim, 'exit');
      const before = await lengthOf('heartbeats');
      expect(before).toBeGreaterThan(0);
      const next = await waitFor(
        telling((pid) => pid !== leader.pid),
        wait,
      );
      expect(children.map(({ pid }) => pid)).toContain(next.pid);
      await waitFor(async () => (await lengthOf('heartbeats')) > before + 2, {
        ...{ deadlineMs, describe: () => `beats after ${before}\n${said}` },
      });
    } finally {
      await control.close();
    }
  } finally {
    cluster.close();
    for (const child of children)
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
});

test('a cluster that refuses an agent for heartbeats holds up nothing else', async () => {
  const text = `version: 1
clusters:
  us-east: {bootstrap: [${regions['us-east'].bootstrap.join(', ')}]}
  eu-west:
    bootstrap: [${regions['eu-west'].bootstrapOf('SASL_PLAINTEXT').join(', ')}]
    sasl: {mechanism: PLAIN, username: agent, password: ${agent.password}}
links:
  back: {source: eu-west, destination: us-east, topics: [nothing], mirrorMaker: {}}
heartbeats:
  - {sourceAlias: us-east, destination: eu-west}
  - {sourceAlias: eu-west, destination: us-east}
`;
  const before = await lengthOf('heartbeats');
  await using running = await runText(folder.path, 'refused.yaml', text);
  const wait = { deadlineMs, describe: () => `beats, and a refusal\n${running.told()}` };
  await waitFor(() => running.notices.some((line) => line.includes('no agent at eu-west yet')), wait);
  await waitFor(async () => (await lengthOf('heartbeats')) > before + 3, wait);
  expect(running.told()).not.toContain('ended: ');
});

describe('a right that is missing', () => {
  const everything: readonly (readonly [Acl['resourceType'], string])[] = [
    ['CLUSTER', 'kafka-cluster'],
    ['TOPIC', '*'],
    ['GROUP', '*'],
    ['TRANSACTIONAL_ID', '*'],
  ];
  const rule = (resourceType: Acl['resourceType'], resourceName: string, rest: Partial<Acl> = {}): Acl => ({
    ...{ resourceType, resourceName, patternType: 'LITERAL', principal: 'User:agent', host: '*' },
    ...{ operation: 'ALL', permission: 'ALLOW', ...rest },
  });
  const denials = ['heartbeats', 'us-east.checkpoints.internal'].map((topic) =>
    rule('TOPIC', topic, { operation: 'WRITE', permission: 'DENY' }),
  );

  test('is told by links describe and by doctor, and what needs it goes on when it is given', async () => {
    const admin = await Cluster.connect(configOf(regions['eu-west']));
    const rules = [...everything.map(([type, name]) => rule(type, name)), ...denials];
    for (const outcome of await createAcls(admin, rules)) unwrap(outcome);
    await clients.createTopics(regions['us-east'], [{ name: 'orders' }]);
    const records = Array.from({ length: 5 }, () => ({ topic: 'orders', value: 'x' }));
    await clients.workload(regions['us-east']).produce({ producer: 'plain', records });
    await commitPositions(regions['us-east'], 'app', { 'orders-0': [3, ''] });
    const text = `version: 1
clusters:
  us-east: {bootstrap: [${regions['us-east'].bootstrap.join(', ')}]}
  eu-west:
    bootstrap: [${regions['eu-west'].bootstrapOf('SASL_PLAINTEXT').join(', ')}]
    sasl: {mechanism: PLAIN, username: agent, password: ${agent.password}}
links:
  there: {source: us-east, destination: eu-west, topics: [orders], groups: [app], sync: {groups: {commits: false}}, mirrorMaker: {checkpoints: {every: 1s}}}
heartbeats: [{sourceAlias: us-east, destination: eu-west}]
`;
    await using running = await runText(folder.path, 'denied.yaml', text);
    const file = path.join(folder.path, 'denied.yaml');
    const described = async () =>
      (await lockstepCommand('links', 'describe', '--file', file)).stdout.match(
        /^ {2}(heartbeats|checkpoints) .*$/gm,
      ) ?? [];
    let lines: string[] = [];
    const until = (state: string) =>
      waitFor(
        async () => {
          lines = await described();
          return lines.length === 2 && lines.every((line) => line.includes(` ${state} into `));
        },
        { deadlineMs, pollMs: 500, describe: () => `${state}: ${lines.join('\n')}\n${running.told()}` },
      );
    await until('NotAuthorized');
    expect(lines[0]).toContain('Needed is WRITE on topic heartbeats: kafka-acls');
    expect(lines[1]).toContain('Needed is WRITE on topic us-east.checkpoints.internal: kafka-acls');
    expect(running.notices.filter((line) => line.includes('no heartbeats: NotAuthorized'))).toHaveLength(1);
    const doctor = await lockstepCommand('doctor', file);
    expect(doctor.stdout).toMatch(
      /mirror-maker-rights .*no Write on topic heartbeats; no Write on topic us-east\.checkpoints\.internal/,
    );
    expect(doctor.exitCode).toBe(1);

    for (const denial of denials) await deleteAcls(admin, [denial]);
    await until('Telling');
    expect(lines[1]).toContain('1 position, last');
    expect((await lockstepCommand('doctor', file)).stdout).toMatch(
      /mirror-maker-rights .*topics heartbeats, us-east\.checkpoints\.internal/,
    );
    admin.close();
  });
});
