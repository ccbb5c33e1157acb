// Halves the start of every broker and tool. A JVM spends most of a broker's 2.8 s start loading some 10,000
// classes; Java's class-data sharing keeps them parsed in a file (measured: 1.2 s instead of 2.8 s, 1.5 CPU
// seconds instead of 3.5). The file is made once per Kafka version and JVM by a broker that starts and stops.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { guardChild, withParentDeathSignal } from './child-guard.ts';
import type { KafkaInstallation } from './install.ts';
import { host, loggingFlag, nodeProperties, renderLogging, renderProperties } from './node-config.ts';
import { findFreePort } from './ports.ts';
import { probeBrokerIds } from './probe.ts';
import { runKafkaTool } from './tools.ts';

/** Training takes about 8 s; on a busy machine longer. Without an archive everything works, only slower. */
const trainingMsMax = 90_000;

/** Where the archive of this Kafka and this JVM belongs. Another JVM could not use it, and gets its own. */
export function classArchiveFile(directory: string, java: string): string {
  const { stderr } = spawnSync(java, ['-version'], { encoding: 'utf8' });
  const jvm = createHash('sha256').update(`${stderr}`).digest('hex').slice(0, 12);
  return path.join(directory, `classes-${jvm}.jsa`);
}

/** Makes the archive; false when that did not work (the reason stays in the training folder's logs). */
export async function makeClassArchive(installation: KafkaInstallation, file: string): Promise<boolean> {
  const directory = path.join(installation.directory, 'training');
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const [port, controllerPort] = [await findFreePort(), await findFreePort()];
  const properties = nodeProperties({
    id: 1,
    roles: 'broker,controller',
    dataDirectory: path.join(directory, 'data'),
    ports: { PLAINTEXT: port },
    controllerPort,
    voters: [{ id: 1, port: controllerPort }],
    interBrokerListener: 'PLAINTEXT',
    brokerCount: 1,
    securityConfig: {},
    brokerConfig: {},
  });
  const [config, logging] = [
    path.join(directory, 'server.properties'),
    path.join(directory, 'logging.properties'),
  ];
  await writeFile(config, renderProperties(properties));
  await writeFile(logging, renderLogging(installation.logging, path.join(directory, 'server.log')));
  const clusterId = 'lockstep-training-0000';
  const format = await runKafkaTool(installation, 'kafka.tools.StorageTool', [
    'format',
    '-t',
    clusterId,
    '-c',
    config,
  ]);
  if (format.code !== 0) return false;
  const partial = path.join(directory, 'classes.jsa');
  const jvm = [
    '-Xmx256m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    `-XX:ArchiveClassesAtExit=${partial}`,
  ];
  const main = ['-cp', installation.classPath, 'kafka.Kafka', config];
  const child = spawn(
    ...withParentDeathSignal(installation.java, [
      ...jvm,
      loggingFlag(installation.logging, logging),
      ...main,
    ]),
    { cwd: directory, stdio: 'ignore', detached: true },
  );
  guardChild(child);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const timer = setTimeout(() => child.kill('SIGKILL'), trainingMsMax);
  while (child.exitCode === null && child.signalCode === null) {
    if ((await probeBrokerIds(port, host))?.includes(1)) break;
    await sleep(100);
  }
  child.kill('SIGTERM');
  await exited;
  clearTimeout(timer);
  if (!existsSync(partial)) return false;
  await rename(partial, file);
  await rm(directory, { recursive: true, force: true });
  return true;
}
