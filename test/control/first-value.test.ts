// Values that are written once and for all, on real brokers of two versions: several agents, restarts, compaction's rules.
import { beforeEach, describe, expect, test } from 'vitest';
import { Cluster, incrementalAlterConfigs, unwrap } from '../../src/client/index.ts';
import { type ControlTopic, controlTopic } from '../../src/control/index.ts';
import { configOf } from '../client/support.ts';
import { useRegions } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { deleteControlTopic, one, openControl } from './support.ts';

const regions = useRegions({ newest: {}, oldest: { kafkaVersion: '3.9.2' } });
const anything = () => true;
const key = 'shift/us-to-eu/orders/0';

describe.each(['newest', 'oldest'] as const)('on the %s broker', (name) => {
  beforeEach(async () => {
    const cluster = await Cluster.connect(configOf(regions[name]));
    await deleteControlTopic(cluster);
    cluster.close();
  });

  const open = async (): Promise<ControlTopic> => (await openControl(regions[name])).control;

  test('of several agents that put at the same time all get the first one, and so does who comes later', async () => {
    const agents = await Promise.all(Array.from({ length: 8 }, open));
    const answers = await Promise.all(
      agents.map((agent, i) => agent.putIfAbsent(key, `"agent ${i}"`, anything)),
    );
    expect(new Set(answers).size).toBe(1);
    const [held] = answers;
    await waitFor(() => `"${agents[0]!.state.get(key)}"` === held, {
      deadlineMs: 10_000,
      describe: `the last value to be ${held}, too`,
    });
    const late = await open();
    expect(late.first(key, anything)).toBeDefined();
    expect(await late.putIfAbsent(key, '"late"', anything)).toBe(held);
  });

  test('one that came second and died is overruled, and the last value mended', async () => {
    const control = await open();
    await control.put(one(key, { k: 'first' }));
    await control.put(one(key, { k: 'second' }));
    expect(await (await open()).putIfAbsent(key, '{"k":"third"}', anything)).toBe('{"k":"first"}');
    expect((await open()).state.get(key)).toEqual({ k: 'first' });
  });

  test('what is not valid any more is replaced', async () => {
    const control = await open();
    await control.put(one(key, { of: 'former mirror' }));
    const isNew = (value: string) => value.includes('new');
    expect(await control.putIfAbsent(key, '"new mirror"', isNew)).toBe('"new mirror"');
    expect(await (await open()).putIfAbsent(key, '"new other"', isNew)).toBe('"new mirror"');
  });

  test('a value that was removed is absent', async () => {
    const control = await open();
    await control.putIfAbsent(key, '"one"', anything);
    await control.until(await control.put(one(key, null)));
    expect(control.first(key, anything)).toBeUndefined();
    expect(await control.putIfAbsent(key, '"two"', anything)).toBe('"two"');
  });

  test('a topic that deletes what is old is refused, with the command, however long it has been used', async () => {
    const control = await open();
    await control.putIfAbsent(key, '"one"', anything);
    const change = { operation: 'set', name: 'cleanup.policy', value: 'delete' } as const;
    const [altered] = await incrementalAlterConfigs(control.cluster, [
      { resource: { type: 'topic', name: controlTopic }, changes: [change] },
    ]);
    unwrap(altered!.outcome);
    await waitFor(
      () =>
        control.putIfAbsent('start/us-to-eu/orders', '"x"', anything).then(
          () => false,
          (error: Error) => error.message.includes('--add-config cleanup.policy=compact'),
        ),
      { deadlineMs: 10_000, describe: 'the policy to be refused' },
    );
  });

  test('who may not create the topic reads nothing, and writes once it is there', async () => {
    const { control } = await openControl(regions[name], { mayCreate: false });
    expect(control.first(key, anything)).toBeUndefined();
    await expect(control.putIfAbsent(key, '"one"', anything)).rejects.toThrow('does not exist');
    await open();
    expect(await control.putIfAbsent(key, '"one"', anything)).toBe('"one"');
  });
});
