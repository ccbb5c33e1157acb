// npm run demo: two real regions, one of which is lost under load; the other takes its work over, the lost one comes back
// and gets it back, and proof that what was acknowledged is there.
//
// 1. start us-east and eu-west, real Apache Kafka
// 2. fill six topics of different shapes, one of them with transactions, and keep writing
// 3. start the agent; kill it with SIGKILL, and start it again
// 4. us-east is lost: its network first, then its brokers, by SIGKILL under load
// 5. lockstep failover: eu-west is primary, and the producers go on there
// 6. lockstep loss: what never came over
// 7. us-east is back: lockstep restore keeps what it alone has, and mirrors eu-west into it
// 8. lockstep switchover: a consumer group and the producers move back to us-east
// 9. stop writing, and compare both regions record by record
//
// Nothing is broken before records that were written since the last step have arrived in every partition of the other
// region. Exit code 0 only if every check held.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { styleText } from 'node:util';
import { createRegion, guardChild, type Region } from '../src/regions/index.ts';
import { Agent, lockstep } from './demo/agent.ts';
import { follows, GroupMember, group } from './demo/moving-group.ts';
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
async function mirrored(progress: Progress, agent: Agent, region: string): Promise<void> {
  await progress.newRecordsMirrored(agent.signal);
  say(`every partition of ${region} has new records of the other region`);
}

const count = (value: number | bigint): string => value.toLocaleString('en');

/** Runs a command of lockstep as a person types it, and shows what it prints; true when it ended with 0. */
async function run(...args: string[]): Promise<boolean> {
  console.log(`         $ lockstep ${args.map((arg) => path.basename(arg)).join(' ')}`);
  const child = spawn(process.execPath, [lockstep, ...args], { stdio: 'inherit' });
  guardChild(child);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  if (code !== 0) say(`it ended with exit code ${code}`);
  return code === 0;
}

async function main(): Promise<boolean> {
  const folder = await mkdtemp(path.join(tmpdir(), 'lockstep-demo-'));
  const regions: Region[] = [];
  await using stack = new AsyncDisposableStack();
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
    const lost = new Workload(source.bootstrap);
    let workload = lost;
    await lost.fill(() => {});
    lost.start();
    say(`${count(lost.total)} records written; the producers keep writing`);

    step('The agent mirrors us-east to eu-west; it is killed with SIGKILL and started again');
    const file = path.join(folder, 'lockstep.yaml');
    await writeFile(file, topology(source, destination));
    progress = await Progress.open(source, destination);
    agent = new Agent(file, say);
    agent.start();
    await mirrored(progress, agent, 'eu-west');
    await agent.end('SIGKILL');
    say('the agent was killed (SIGKILL) while records kept coming');
    await progress.newRecords();
    agent.start();
    await mirrored(progress, agent, 'eu-west');

    step('The region us-east is lost');
    agent.freeze();
    say('nothing of us-east reaches the agent any more, and its producers go on for a moment');
    await progress.newRecords();
    await Promise.all(source.brokers.map((broker) => broker.kill()));
    agent.resume();
    say('us-east: every broker was killed (SIGKILL)');
    await lost.abandon();
    say(`${count(lost.total)} records were acknowledged by us-east`);

    step('eu-west takes the work over');
    if (!(await run('failover', file, '--to', 'eu-west', '--yes'))) return false;
    const meanwhile = new Workload(destination.bootstrap);
    workload = meanwhile;
    meanwhile.start();
    await until('records in eu-west', () => (meanwhile.isWrittenTo ? true : null), agent.signal);
    say('the producers go on in eu-west');

    step('What never came over');
    if (!(await run('loss', file))) return false;

    step('us-east is back');
    await Promise.all(source.brokers.map((broker) => broker.start()));
    say('us-east: its brokers answer again, and have records that eu-west never got');
    if (!(await run('restore', 'us-east', file, '--yes'))) return false;
    const backwards = await Progress.open(destination, source);
    stack.defer(() => backwards.close());
    await mirrored(backwards, agent, 'us-east');

    step('The work goes back to us-east, as planned: no record lost, none twice');
    const positions = await worksIn(destination, agent.signal);
    await workload.stop();
    say(`the producers stop; eu-west acknowledged ${count(workload.total)} records`);
    if (!(await run('switchover', file, '--to', 'us-east', '--yes'))) return false;
    const last = new Workload(source.bootstrap);
    workload = last;
    last.start();
    await mirrored(progress, agent, 'eu-west');
    const isMoved = await goesOnIn(source, positions, agent.signal);

    step('The producers stop; are both regions identical?');
    await last.stop();
    const isIdentical = await run('verify', file, '--link', 'us-to-eu', '--wait', String(verifyWaitS));
    agent.signal.throwIfAborted();
    const code = await agent.end('SIGTERM');
    say(`the agent stopped with exit code ${code}`);
    return isMoved && isIdentical && code === 0;
  } finally {
    await cleanUp();
  }
}

/** A group reads in a region, commits and stops; answers with its positions. */
async function worksIn(region: Region, signal: AbortSignal): Promise<ReadonlyMap<number, bigint>> {
  const member = await GroupMember.start(region);
  await member.readsEverything(signal);
  const positions = await member.stop();
  const total = [...positions.values()].reduce((sum, offset) => sum + offset, 0n);
  say(
    `group ${group} has read up to offset ${count(total)} of orders (all partitions) in ${region.name}, and stops there`,
  );
  return positions;
}

/** Whether it goes on with the very records that follow its positions, without a gap and without one twice. */
async function goesOnIn(
  region: Region,
  positions: ReadonlyMap<number, bigint>,
  signal: AbortSignal,
): Promise<boolean> {
  const member = await GroupMember.start(region);
  await member.readsEverything(signal);
  const began = member.first;
  const ended = await member.stop();
  const read = [...ended].reduce((sum, [partition, offset]) => sum + offset - began.get(partition)!, 0n);
  const wrong = [...positions].filter(([partition, offset]) => !follows(offset, began.get(partition)!));
  for (const [partition, offset] of wrong)
    say(`orders-${partition}: expected to go on at ${offset}, and began at ${began.get(partition)}`);
  for (const jump of member.jumps) say(jump);
  const isExact = wrong.length === 0 && member.jumps.length === 0;
  say(
    `it read ${count(read)} records in ${region.name}: ${isExact ? 'no gap, none twice' : 'NOT as it should'}`,
  );
  return isExact;
}

function topology(source: Region, destination: Region): string {
  const names = topics.map(({ topic }) => topic).join(', ');
  const selected = `topics: [${names}], groups: [${group}], sync: { groups: { every: 1s } }`;
  return `version: 1
clusters:
  us-east:
    bootstrap: [${source.bootstrap.map((address) => `"${address}"`).join(', ')}]
  eu-west:
    bootstrap: [${destination.bootstrap.map((address) => `"${address}"`).join(', ')}]
links:
  us-to-eu: { source: us-east, destination: eu-west, ${selected} }
  eu-to-us: { source: eu-west, destination: us-east, ${selected} }
replicationGroups:
  shop:
    regions: [us-east, eu-west]
    primary: us-east
`;
}

const isIdentical = await main().catch((error: unknown) => {
  for (let each = error; each instanceof Error; each = each.cause) console.error(`   ${each.message}`);
  return false;
});
const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(0);
console.log(
  isIdentical
    ? `\nEvery partition is identical, offset for offset, after a region was lost, and the group went on where it was. (${seconds} s)`
    : `\nThe demo FAILED: see above. (${seconds} s)`,
);
// After a failure the producers still write.
process.exit(isIdentical ? 0 : 1);
