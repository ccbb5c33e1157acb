// `lockstep run FILE` for both directions, started while one of the regions is lost: the other gets its agent nevertheless,
// and the lost one when it is back.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { Output } from '../../src/cli/output/output.ts';
import { runProgram } from '../../src/cli/program.ts';
import { Cluster } from '../../src/client/index.ts';
import { ControlTopic } from '../../src/control/index.ts';
import { configOf } from '../client/support.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });

test('the region that lives has an agent, and the lost one gets its own when it is back', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'lockstep-away-'));
  const file = path.join(folder, 'lockstep.yaml');
  const names = ['us-east', 'eu-west'] as const;
  const clusters = Object.fromEntries(names.map((name) => [name, { bootstrap: regions[name].bootstrap }]));
  const link = (source: string, destination: string) => ({ source, destination, topics: ['orders'] });
  await writeFile(
    file,
    JSON.stringify({
      ...{ version: 1, clusters },
      links: { out: link('us-east', 'eu-west'), back: link('eu-west', 'us-east') },
      replicationGroups: { shop: { regions: names, primary: 'us-east' } },
    }),
  );
  await regions['us-east'].kill();
  let said = '';
  const stream = {
    write: (text: string) => {
      said += text;
      return true;
    },
  };
  const stopping = new AbortController();
  const agent = runProgram(['run', file], {
    output: new Output({ stdout: stream, stderr: stream, environment: {} }),
    ...{ signal: stopping.signal, environment: {} },
  });
  try {
    const rolesAt = async (name: (typeof names)[number]): Promise<number | undefined> => {
      const cluster = await Cluster.connect(configOf(regions[name]));
      try {
        const control = await ControlTopic.open(cluster, { mayCreate: false, onWarning: () => {} });
        const generation = control.state.roles.get('shop')?.generation;
        await control.close();
        return generation;
      } finally {
        cluster.close();
      }
    };
    const told = (what: string) => () => `${what}; it said:\n${said}`;
    await waitFor(async () => (await rolesAt('eu-west')) === 1, {
      ...{ deadlineMs: 60_000, pollMs: 500, describe: told('roles at eu-west') },
    });
    await waitFor(() => said.includes('no agent at us-east yet'), {
      ...{ deadlineMs: 90_000, describe: told('word of the region that is away') },
    });
    await regions['us-east'].start();
    await waitFor(async () => (await rolesAt('us-east')) === 1, {
      ...{ deadlineMs: 90_000, pollMs: 500, describe: told('roles at us-east') },
    });
    stopping.abort();
    expect(await agent).toBe(0);
  } finally {
    stopping.abort();
    await agent;
    await rm(folder, { recursive: true, force: true });
  }
});
