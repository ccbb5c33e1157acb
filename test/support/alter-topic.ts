// Changes settings of a topic while a test runs, and waits until its broker shows them.
import { Cluster, describeConfigs, incrementalAlterConfigs, unwrap } from '../../src/client/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { waitFor } from './wait-for.ts';

export async function alterTopic(
  region: Region,
  topic: string,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const cluster = await Cluster.connect(configOf(region));
  try {
    const resource = { type: 'topic', name: topic } as const;
    const changes = Object.entries(settings).map(([name, value]) => ({
      name,
      value,
      operation: 'set' as const,
    }));
    for (const { outcome } of await incrementalAlterConfigs(cluster, [{ resource, changes }]))
      unwrap(outcome);
    await waitFor(
      async () => {
        const [found] = await describeConfigs(cluster, [resource]);
        const shown = unwrap(found!.outcome);
        return changes.every(({ name, value }) => shown.get(name)?.value === value);
      },
      { deadlineMs: 20_000, describe: `${topic} to show ${JSON.stringify(settings)}` },
    );
  } finally {
    cluster.close();
  }
}
