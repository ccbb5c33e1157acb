// Three agents as processes that copy two topics between two regions, while Java's producers write to them, transactions
// too, during every test.
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { JavaLoad } from '../mirror/java-load.ts';
import { expectIdentical } from '../mirror/same-on-both-sides.ts';
import { type Oracle, useOracle } from '../support/read-committed-oracle.ts';
import { uniqueTopic, useRegions, useTemporaryFolder } from '../support/region-fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { type ChildAgent, ChildAgents } from './child-agents.ts';
import { LagWatch } from './lag-watch.ts';
import { type Fleet, openFleet } from './running-fleet.ts';

export const linkName = 'us-to-eu';
/** Of each topic. */
const partitions = 6;
const setUpTimeoutMs = 180_000;
const loadedRecordsMin = 1_000;

export interface LoadedFleet {
  readonly regions: ReturnType<typeof useRegions<'us-east' | 'eu-west'>>;
  readonly oracle: Oracle;
  readonly fleet: Fleet;
  readonly agents: ChildAgents;
  readonly lag: LagWatch;
  readonly topics: readonly string[];
  /** Of the topics under load. */
  readonly partitionCount: number;
  /** An agent of another name than all before. */
  startNext(options?: { isNext?: boolean }): Promise<ChildAgent>;
  untilCaughtUp(): Promise<void>;
  /** Waits until others copy these partitions; answers with how long that took for each of them, ms, sorted. */
  takenOver(keys: ReadonlySet<string>, sinceMs: number): Promise<number[]>;
  /** Ends the load of this test, and compares everything. */
  expectIdentical(): Promise<void>;
}

/** To be called in the file's outermost place. The link selects topics whose name begins with `added-`, too. */
export function useLoadedFleet(): LoadedFleet {
  const folder = useTemporaryFolder();
  const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
  const oracle = useOracle();
  const topics: string[] = [];
  let fleet: Fleet | undefined;
  let agents: ChildAgents | undefined;
  let lag: LagWatch | undefined;
  let load: JavaLoad | undefined;
  let next = 1;

  const startNext: LoadedFleet['startNext'] = (options) => agents!.start(`agent-${next++}`, options);
  const untilCaughtUp = async (): Promise<void> => {
    await waitFor(() => lag!.behindMs < 1_000, {
      deadlineMs: 60_000,
      describe: () => `the mirrors to catch up; the one furthest behind is at ${lag!.behindMs} ms`,
    });
  };

  beforeAll(async () => {
    const [source, destination] = [regions['us-east'], regions['eu-west']];
    topics.push(uniqueTopic('orders'), uniqueTopic('bills'));
    await oracle.createTopics(
      source,
      topics.map((name) => ({ name, partitions })),
    );
    fleet = await openFleet(destination);
    agents = new ChildAgents(destination);
    await Promise.all([startNext(), startNext(), startNext()]);
    const config = { topics: [...topics, 'prefix:added-'] };
    const declared = { name: 'us-east', bootstrap: source.bootstrap };
    const link = { name: linkName, source: declared, destination: 'eu-west', config };
    await fleet.done({ do: 'createLink', link });
    await agents.sharedOut(topics.length * partitions);
    lag = await LagWatch.start({ source, destination, topics, partitions });
  }, setUpTimeoutMs);

  beforeEach(async () => {
    const [plain, transactional] = topics as [string, string];
    const workload = oracle.workload(regions['us-east']);
    const begun = new JavaLoad({ workload, plain, transactional, partitions });
    load = begun;
    await waitFor(() => begun.records > loadedRecordsMin, {
      deadlineMs: 60_000,
      describe: 'the load to begin',
    });
    await untilCaughtUp();
    lag!.takeLargest();
  });

  afterEach(() => load?.stop());
  afterAll(async () => {
    await lag?.[Symbol.asyncDispose]();
    await agents?.[Symbol.asyncDispose]();
    await fleet?.[Symbol.asyncDispose]();
  });

  return {
    ...{ regions, oracle, topics, startNext, untilCaughtUp },
    get fleet() {
      return fleet!;
    },
    get agents() {
      return agents!;
    },
    get lag() {
      return lag!;
    },
    get partitionCount() {
      return topics.length * partitions;
    },
    takenOver: async (keys, sinceMs) => {
      await waitFor(() => agents!.beganAfter(keys, sinceMs).every(Number.isFinite), {
        deadlineMs: 60_000,
        describe: `others to copy ${[...keys].join(', ')}`,
      });
      return agents!.beganAfter(keys, sinceMs).sort((a, b) => a - b);
    },
    expectIdentical: async () => {
      await load!.stop();
      const [source, destination] = [regions['us-east'], regions['eu-west']];
      const records = await expectIdentical({ oracle, folder: folder.path, source, destination, topics });
      say(`identical: ${records} records`);
      expect(records).toBeGreaterThan(loadedRecordsMin);
    },
  };
}

/** A figure for who reads the test's output. */
export function say(text: string): void {
  console.log(`      ${text}`);
}
