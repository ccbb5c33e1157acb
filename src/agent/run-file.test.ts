import { expect, test } from 'vitest';
import { parseTopology } from '../topology/index.ts';
import { runFile } from './run-file.ts';

// Port 1 is nobody's on this machine, and connections to it are refused at once.
const clusters =
  'version: 1\nclusters: { a: { bootstrap: ["127.0.0.1:1"] }, b: { bootstrap: ["127.0.0.1:1"] } }\n';
const beats = 'heartbeats: [{ sourceAlias: a, destination: b }, { sourceAlias: b, destination: a }]\n';

test('a file ends where no cluster answers, be it that most of them would only get heartbeats', async () => {
  const topology = parseTopology(`${clusters}${beats}`, 'l.yaml', {
    folder: '/',
    environment: {},
    readFile: () => '',
  });
  const running = runFile({
    ...{ topology, statusEveryMs: 60_000, version: 'test', agentId: 'a' },
    signal: new AbortController().signal,
    onStatus: () => {},
    onNotice: () => {},
  });
  await expect(running).rejects.toMatchObject({ code: 'CLUSTER_UNREACHABLE', exitCode: 3 });
}, 60_000);
