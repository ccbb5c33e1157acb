// Commands and their answers between processes, through a real broker.
import { beforeEach, expect, test } from 'vitest';
import { Cluster } from '../../src/client/index.ts';
import {
  answerKey,
  type CommandRecord,
  type ControlTopic,
  commandKey,
  expired,
  LeaderWriter,
  sendCommand,
} from '../../src/control/index.ts';
import { testAgent, testAnswer, testCommand } from '../../src/control/test-records.ts';
import { configOf } from '../client/support.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { deleteControlTopic, one, openControl } from './support.ts';

const regions = useRegions({ newest: {} });
const asking = { by: 'me@here', timeoutMs: 30_000, isDryRun: false };

beforeEach(async () => {
  const cluster = await Cluster.connect(configOf(regions.newest));
  await deleteControlTopic(cluster);
  cluster.close();
});

/** A leader that answers each command as it is told, in the order of the log. */
async function answering(
  control: ControlTopic,
  answer: (command: CommandRecord, write: (state: 'working' | 'done' | 'refused') => Promise<void>) => void,
): Promise<void> {
  const leader = await LeaderWriter.take(control);
  const taken = new Set<string>();
  await control.put(one('agent/a', testAgent('a', Date.now())));
  control.onChange(() => {
    for (const command of control.state.commands.values()) {
      if (taken.has(command.id)) continue;
      taken.add(command.id);
      // Who asked may have the answer, and end the test, before the leader has read it back.
      answer(command, (state) =>
        leader.write(one(answerKey(command.id), testAnswer(command.id, state, Date.now()))).catch(() => {}),
      );
    }
  });
}

test('a command is answered: progress first, then done', async () => {
  const { control } = await openControl(regions.newest);
  await answering(control, async (command, write) => {
    expect(command).toMatchObject({ by: 'me@here', isDryRun: false, body: { do: 'deleteLink' } });
    await write('working');
    await write('done');
  });
  const asker = await openControl(regions.newest, { mayCreate: false });
  const progress: string[] = [];
  const body = { do: 'deleteLink', link: 'us-to-eu', withMirrors: false } as const;
  const answer = await sendCommand(asker.control, body, {
    ...asking,
    onProgress: ({ state }) => progress.push(state),
  });
  expect(answer.state).toBe('done');
  expect(progress).toEqual(['working']);
  await control.refresh();
  expect(control.state.answers.get(answer.id)).toEqual(answer);
  expect(expired(control.state, Date.now() + 11 * 60_000).sort()).toEqual(
    ['agent/a', `answer/${answer.id}`, `command/${answer.id}`].sort(),
  );
});

test('ten people at once: each gets the answer to the own command, in the order of the log', async () => {
  const { control } = await openControl(regions.newest);
  const order: string[] = [];
  await answering(control, (command, write) => {
    order.push(command.by);
    void write(order.length === 1 ? 'done' : 'refused');
  });
  const askers = await Promise.all(
    Array.from({ length: 10 }, () => openControl(regions.newest, { mayCreate: false })),
  );
  const body = { do: 'deleteLink', link: 'us-to-eu', withMirrors: false } as const;
  const answers = await Promise.all(
    askers.map((asker, i) => sendCommand(asker.control, body, { ...asking, by: `person ${i}` })),
  );
  expect(answers.filter(({ state }) => state === 'done')).toHaveLength(1);
  expect(answers.findIndex(({ state }) => state === 'done')).toBe(Number(order[0]?.split(' ')[1]));
  expect(new Set(answers.map(({ id }) => id)).size).toBe(10);
  expect(new Set(order).size).toBe(10);
});

test('without an agent there is a clear error, at once; with one that fell silent, after its time', async () => {
  const asker = await openControl(regions.newest, { mayCreate: false });
  const body = { do: 'createMirrors', link: 'us-to-eu', topics: ['orders'] } as const;
  await expect(sendCommand(asker.control, body, asking)).rejects.toMatchObject({
    code: 'NO_AGENT',
    exitCode: 3,
    message: expect.stringContaining('lockstep run FILE'),
  });
  const { control } = await openControl(regions.newest);
  await control.put(one('agent/a', testAgent('a')));
  const startMs = performance.now();
  await expect(sendCommand(asker.control, body, { ...asking, silenceMsMax: 1_000 })).rejects.toMatchObject({
    code: 'NO_AGENT',
    message: expect.stringContaining('1.0 s'),
  });
  expect(performance.now() - startMs).toBeGreaterThan(950);
});

test('a command that nobody waits for any more is taken back', async () => {
  const { control } = await openControl(regions.newest);
  await control.put(one('agent/a', testAgent('a', Date.now())));
  const body = { do: 'deleteLink', link: 'us-to-eu', withMirrors: false } as const;
  await expect(sendCommand(control, body, { ...asking, timeoutMs: 1_000 })).rejects.toMatchObject({
    code: 'REQUEST_TIMED_OUT',
  });
  await control.refresh();
  expect(control.state.commands.size).toBe(0);
});

test('a command counts from when it arrived, for who saw it arrive', async () => {
  const { control } = await openControl(regions.newest);
  const command = { ...testCommand('c1'), atMs: 1_000, deadlineMs: 2_000 };
  const beforeMs = Date.now();
  await control.until(await control.put(one(commandKey('c1'), command)));
  expect(control.heardAtMs('c1')).toBeGreaterThanOrEqual(beforeMs);
  const later = await openControl(regions.newest);
  expect(later.control.state.commands.has('c1')).toBe(true);
  expect(later.control.heardAtMs('c1')).toBeUndefined();
});

test('agents that live but do not answer end in a time-out; an interruption ends at once', async () => {
  const { control } = await openControl(regions.newest);
  await control.put(one('agent/a', testAgent('a')));
  const asker = await openControl(regions.newest, { mayCreate: false });
  const body = { do: 'createMirrors', link: 'us-to-eu', topics: ['orders'] } as const;
  const waiting = sendCommand(asker.control, body, { ...asking, timeoutMs: 1_500, silenceMsMax: 1_000 });
  const beat = setInterval(() => void control.put(one('agent/a', testAgent('a'))), 200);
  await expect(waiting).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT' });
  clearInterval(beat);
  const interruption = new AbortController();
  const interrupted = sendCommand(asker.control, body, { ...asking, signal: interruption.signal });
  interruption.abort(new Error('stopped'));
  await expect(interrupted).rejects.toThrow('stopped');
});
