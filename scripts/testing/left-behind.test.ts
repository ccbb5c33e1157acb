import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { waitFor } from '../../test/support/wait-for.ts';
import { findLeftBehind, runVariable } from './left-behind.ts';

test.runIf(process.platform === 'linux')(
  'a child of this run is found, and only while it lives',
  async () => {
    const runId = `unit-${process.pid}`;
    expect(findLeftBehind(runId)).toEqual([]);
    const child = spawn('sleep', ['60'], { env: { ...process.env, [runVariable]: runId } });
    try {
      const found = await waitFor(
        () => findLeftBehind(runId).find((each) => each.command.startsWith('sleep')),
        { deadlineMs: 5000, describe: 'the child to be listed' },
      );
      expect(found).toEqual({ pid: child.pid, command: 'sleep 60' });
      expect(findLeftBehind(`${runId}-other`)).toEqual([]);
    } finally {
      child.kill('SIGKILL');
    }
    await waitFor(() => findLeftBehind(runId).length === 0, {
      deadlineMs: 5000,
      describe: 'the child to be gone',
    });
  },
);
