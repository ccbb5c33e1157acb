// npm run demo: two real regions, a mirror that is killed under load, a consumer group that moves, and proof that nothing
// was lost.
//
// 1. start us-east and eu-west, real Apache Kafka
// 2. fill six topics of different shapes, one of them with transactions, and keep writing
// 3. start the agent
// 4. kill it with SIGKILL, and start it again
// 5. kill the destination's broker, and start it again
// 6. kill the source's broker, and start it again
// 7. stop a consumer group in us-east, and go on with it in eu-west
// 8. stop writing, and compare both regions record by record
//
// Nothing is killed before records that were written since the last step have arrived in every partition of eu-west.
// Exit code 0 only if every check held.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { styleText } from 'node:util';
import { createRegion, guardChild, type Region } from '../src/regions/index.ts';
import { Agent, lockstep } from './demo/agent.ts';
import { GroupMember, group, positionsArrived } from './demo/moving-group.ts';
import { Progress } from './demo/progress.ts';
import { until } from './demo/until.ts';
import { createTopics, topics, Workload } from './demo/workload.ts';

/** How long the mirror may take to arrive at the end, s. */
const verifyWaitS = 120;
const startedAtMs = Date.now();
const isTerminal = process.stdout.isTTY === true;
let stepNumber = 0;

function step(text: string): void {
  stepNumber += 1;
  console.log(`${isTerminal ? styleText('bold', `\n${stepNumber}. ${text}`) : `\n${stepNumber}. ${text}`}`);
}

function say(text: string): void {
  console.log(`   ${((Date.now() - startedAtMs) / 1000).toFixed(1).padStart(5)} s  ${text}`);
}

/** Records that are written from now on have arrived, in every partition: the agent is at work in all topics. */
async function mirrored(progress: Progress, agent: Agent): Promise<void> {
  await progress.newRecordsMirrored(agent.signal);
  say('every partition of eu-west has new records of us-east');
}

/** Runs `lockstep verify` and shows its table; true when every partition is identical. */
async function verify(file: string): Promise<boolean> {
  const child = spawn(process.execPath, [lockstep, 'verify', file, '--wait', String(verifyWaitS)], {
    stdio: 'inherit',
  });
  guardChild(child);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  return code === 0;
}

async function main(): Promise<boolean> {
  const folder = await mkdtemp(path.join(tmpdir(), 'lockstep-demo-'));
  const regions: Region[] = [];
  let agent: Agent | null = null;
  let progress: Progress | null = null;
  const cleanUp = async (): Promise<void> => {
    await agent?.end('SIGKILL');
    progress?.close();
    await Promise.all(regions.map((region) => region.destroy()));
    await rm(folder, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void cleanUp().finally(() => process.exit(130)));
  }
  try {
    step('Two regions, each a real Apache Kafka cluster');
    for (const name of ['us-east', 'eu-west']) {
      const onProgress = ({ message }: { message: string }): void => say(message);
      regions.push(await createRegion({ name, directory: path.join(folder, name), onProgress }));
    }
    const [source, destination] = regions as [Region, Region];
    await Promise.all(regions.map((region) => region.start()));
    for (const region of regions) say(`${region.name} answers on ${region.bootstrap.join(', ')}`);

    step('Six topics of different shapes in us-east, filled by an independent client');
    await createTopics(source.bootstrap);
    for (const { topic, partitions, says } of topics)
      say(`${topic.padEnd(10)} ${partitions} partitions, ${says}`);
    const workload = new Workload(source.bootstrap);
    await workload.fill(() => {});
    workload.start();
    say(`${workload.total.toLocaleString('en')} records written; the producers keep writing`);

    step('The agent mirrors us-east to eu-west');
    const file = path.join(folder, 'lockstep.yaml');
    await writeFile(file, topology(source, destination));
    progress = await Progress.open(source, destination);
    agent = new Agent(file, say);
    agent.start();
    await mirrored(progress, agent);

    step('The agent is killed with SIGKILL and started again');
    await agent.end('SIGKILL');
    say('the agent was killed (SIGKILL) while records kept coming');
    await progress.newRecords();
    agent.start();
    await mirrored(progress, agent);

    step('The destination’s broker is killed and started again');
    await destination.brokers[0]!.kill();
    say('eu-west: the broker was killed (SIGKILL); us-east gets records that cannot be mirrored now');
    await progress.newRecords(agent.signal);
    await destination.brokers[0]!.start();
    say('eu-west: the broker is back');
    await mirrored(progress, agent);

    step('The source’s broker is killed and started again');
    const failedBefore = workload.failedSends;
    await source.brokers[0]!.kill();
    say('us-east: the broker was killed (SIGKILL); producers and the agent see a dead region');
    await until(
      'as many failed sends as there are producers',
      () => (workload.failedSends >= failedBefore + topics.length ? true : null),
      agent.signal,
    );
    await source.brokers[0]!.start();
    say('us-east: the broker is back');
    await mirrored(progress, agent);

    step('A consumer group moves to eu-west');
    const isMoved = await moveGroup(source, destination, agent.signal);

    step('The producers stop; are both regions identical?');
    await workload.stop();
    const { committed, aborted } = workload.transactions;
    say(
      `${workload.total.toLocaleString('en')} records were acknowledged, ${workload.failedSends} sends failed while brokers were down (a lost answer is a failure too, its records may stand)`,
    );
    say(`${committed} transactions were committed, ${aborted} aborted`);
    const isIdentical = await verify(file);
    agent.signal.throwIfAborted();
    const code = await agent.end('SIGTERM');
    say(`the agent stopped with exit code ${code}`);
    return isMoved && isIdentical && code === 0;
  } finally {
    await cleanUp();
  }
}

/** Whether it went on at the very offsets where it had stopped, without a gap and without a record twice. */
async function moveGroup(source: Region, destination: Region, signal: AbortSignal): Promise<boolean> {
  const before = await GroupMember.start(source);
  await before.readsEverything(signal);
  const positions = await before.stop();
  const total = [...positions.values()].reduce((sum, offset) => sum + offset, 0n);
  say(`group ${group} has read ${total.toLocaleString('en')} records of orders in us-east, and stops there`);
  await positionsArrived(destination, positions, signal);
  say('its positions are in eu-west: the same offsets, nothing to translate');
  const after = await GroupMember.start(destination);
  await after.readsEverything(signal);
  const began = after.first;
  const ended = await after.stop();
  const read = [...ended].reduce((sum, [partition, offset]) => sum + offset - began.get(partition)!, 0n);
  const wrong = [...positions].filter(([partition, offset]) => began.get(partition) !== offset);
  for (const [partition, offset] of wrong)
    say(`orders-${partition}: expected to go on at ${offset}, and began at ${began.get(partition)}`);
  for (const jump of [...before.jumps, ...after.jumps]) say(jump);
  const isExact = wrong.length === 0 && before.jumps.length + after.jumps.length === 0;
  say(
    `it read ${read.toLocaleString('en')} records in eu-west: ${isExact ? 'no gap, none twice' : 'NOT as it should'}`,
  );
  return isExact;
}

function topology(source: Region, destination: Region): string {
  return `version: 1
clusters:
  us-east:
    bootstrap: [${source.bootstrap.map((address) => `"${address}"`).join(', ')}]
  eu-west:
    bootstrap: [${destination.bootstrap.map((address) => `"${address}"`).join(', ')}]
links:
  us-to-eu:
    source: us-east
    destination: eu-west
    topics: [${topics.map(({ topic }) => topic).join(', ')}]
    groups: [${group}]
    sync: { groups: { every: 1s } }
`;
}

const isIdentical = await main().catch((error: unknown) => {
  for (let each = error; each instanceof Error; each = each.cause) console.error(`   ${each.message}`);
  return false;
});
const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(0);
console.log(
  isIdentical
    ? `\nEvery partition is identical, offset for offset, after three kills, and the group went on where it was. (${seconds} s)`
    : `\nThe demo FAILED: see above. (${seconds} s)`,
);
// After a failure the producers still write.
process.exit(isIdentical ? 0 : 1);
