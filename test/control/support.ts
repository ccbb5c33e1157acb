// A control topic for tests: warnings are collected, and everything is closed at the end.
import { onTestFinished } from 'vitest';
import { Cluster, deleteTopics } from '../../src/client/index.ts';
import { ControlTopic, type ControlTopicOptions, controlTopic } from '../../src/control/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { waitFor } from '../support/wait-for.ts';

export interface Opened {
  readonly cluster: Cluster;
  readonly control: ControlTopic;
  readonly warnings: string[];
}

/** As one process has it: connections of its own. */
export async function openControl(
  region: Region,
  options: Partial<ControlTopicOptions> = {},
): Promise<Opened> {
  const cluster = await Cluster.connect(configOf(region));
  onTestFinished(() => cluster.close());
  const warnings: string[] = [];
  const control = await ControlTopic.open(cluster, {
    mayCreate: true,
    onWarning: (text) => warnings.push(text),
    ...options,
  });
  onTestFinished(() => control.close());
  return { cluster, control, warnings };
}

/** So that each test begins without state. */
export async function deleteControlTopic(cluster: Cluster): Promise<void> {
  await deleteTopics(cluster, [controlTopic]);
  await waitFor(async () => !(await cluster.metadata({ topics: [controlTopic] })).topics.has(controlTopic), {
    deadlineMs: 10_000,
    describe: `${controlTopic} to be gone`,
  });
}

/** One key, as `put` and `write` take it. */
export function one(key: string, value: object | null): ReadonlyMap<string, object | null> {
  return new Map([[key, value]]);
}
