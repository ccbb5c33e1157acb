// A fleet between two secured regions from the command line: secrets stay in files and variables of those who connect.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { Cluster, createTopics, unwrap } from '../../src/client/index.ts';
import { configOf } from '../client/support.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { platformaticProduce } from '../support/platformatic.ts';
import { useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { startAgent } from './running-agent.ts';

const agentUser = { username: 'lockstep', password: 'agent-secret' };
const guest = { username: 'guest', password: 'guest-secret' };
const security = {
  tls: true,
  sasl: { users: [agentUser, guest], mechanisms: ['SCRAM-SHA-512'] },
  authorizer: { superUsers: ['User:lockstep'] },
} as const;
const regions = useRegions({ 'us-east': { security }, 'eu-west': { security } });
const folder = useTemporaryFolder();

function clusterFile(name: 'us-east' | 'eu-west', username: string, password: string): string {
  const file = path.join(folder.path, `${name}-${username}.yaml`);
  const region = regions[name];
  const ca = path.join(folder.path, `${name}.pem`);
  writeFileSync(ca, region.tls!.ca);
  writeFileSync(
    file,
    `bootstrap: ${JSON.stringify(region.bootstrapOf('SASL_SSL'))}\ntls: {ca: ${ca}}\n` +
      `sasl: {mechanism: SCRAM-SHA-512, username: ${username}, password: "${password}"}\n`,
  );
  return file;
}

test('secrets are looked up by who connects, and stand nowhere else', async () => {
  const cluster = await Cluster.connect(configOf(regions['us-east']));
  const created = await createTopics(cluster, [{ name: 'orders', partitionCount: 1, replicationFactor: 1 }]);
  for (const outcome of created.values()) unwrap(outcome);
  cluster.close();
  await platformaticProduce({
    bootstrap: regions['us-east'].bootstrap,
    topic: 'orders',
    messages: [{ partition: 0, value: Buffer.from('first') }],
  });

  const passwordFile = path.join(folder.path, 'password');
  writeFileSync(passwordFile, `${agentUser.password}\n`);
  const destination = clusterFile('eu-west', 'lockstep', `\${file:${passwordFile}}`);
  // Set for the agent alone: the commands run without it.
  const source = clusterFile('us-east', 'lockstep', '${env:SOURCE_PASSWORD}');
  const at = (...args: string[]) => lockstepCommand(...args, '--cluster-config', destination);

  await using agent = startAgent(['--cluster-config', destination, '--id', 'a1'], {
    SOURCE_PASSWORD: agentUser.password,
  });
  const create = ['links', 'create', 'us-to-eu', '--topics', 'orders'];
  await waitFor(async () => (await at(...create, '--source-config', source)).exitCode === 0, {
    deadlineMs: 60_000,
    pollMs: 1_000,
    describe: () => `a link\n${agent.log()}`,
  });
  let described = '';
  await waitFor(
    async () => {
      described = (await at('mirrors', 'describe', '--json')).stdout;
      return JSON.parse(described).mirrors[0]?.partitions[0]?.mirrorEnd === 1;
    },
    { deadlineMs: 60_000, pollMs: 200, describe: () => `the record\n${described}\n${agent.log()}` },
  );

  const stored = (await at('links', 'describe', '--json')).stdout;
  expect(stored).toContain('${env:SOURCE_PASSWORD}');
  for (const text of [stored, described, agent.log()]) expect(text).not.toContain('secret');

  // A secret in the file, a wrong password, a user without rights: a line each, and none shows a secret.
  const literal = clusterFile('us-east', 'lockstep', agentUser.password);
  const refused = await at('links', 'create', 'other', '--topics', 'x', '--source-config', literal);
  const wrong = await lockstepCommand(
    ...['links', 'list', '--cluster-config', clusterFile('eu-west', 'lockstep', 'wrong-secret')],
  );
  const withoutRights = await lockstepCommand(
    ...['links', 'list', '--cluster-config', clusterFile('eu-west', 'guest', guest.password)],
  );
  expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('sasl.password itself') });
  expect(wrong).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('lockstep') });
  expect(withoutRights).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('__lockstep') });
  for (const { stderr } of [refused, wrong, withoutRights]) expect(stderr).not.toMatch(/-secret/);
  expect(await agent.stop()).toBe(0);
});
