// Gets a runnable Kafka onto this machine: the jars of one version, downloaded once through Maven into
// <project>/.kafka/<version>/ and reused by every region, test and benchmark.
//
// Steps: 1. whole already? done. 2. take the lock. 3. Maven copies the jars into a folder beside the final
// one. 4. write the marker that lists them. 5. rename. A reader therefore sees nothing or all of it.
// 6. once per JVM, keep the parsed classes beside them.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { LockstepError } from '../errors.ts';
import { classArchiveFile, makeClassArchive } from './class-archive.ts';
import { withInstallLock } from './install-lock.ts';
import { findJava, findMaven } from './java-tools.ts';
import { copyDependenciesGoal, type LoggingFlavour, loggingFlavour, renderPom } from './kafka-pom.ts';
import type { OnProgress } from './progress.ts';
import { projectRoot } from './project-root.ts';

/** A Kafka whose jars are on this machine. */
export type KafkaInstallation = {
  /** Kafka's version, for example '4.3.1'. */
  readonly version: string;
  /** The folder of this version. */
  readonly directory: string;
  /** The java to run it with. */
  readonly java: string;
  /** All jars, ready for java's -cp. */
  readonly classPath: string;
  readonly logging: LoggingFlavour;
  /** The parsed classes that make every start faster (class-archive.ts); null where they could not be made. */
  readonly classArchive: string | null;
};

/** Written last: an installation without it, or whose jars differ from it, is not whole. */
type Marker = { readonly version: string; readonly jars: Readonly<Record<string, number>> };

export type InstallOptions = {
  /** Kafka's version as on Maven Central: '4.3.1', '3.9.2'. */
  readonly version: string;
  /** Folder that holds one folder per version; `.kafka` of the project by default. */
  readonly directory?: string;
  readonly onProgress?: OnProgress;
};

/** About as many jars as a version has; only for the progress shown. */
const expectedJarCount = 100;
/** Enough of Maven's output to explain a failure. */
const mavenTailLinesMax = 200;

const running = new Map<string, Promise<KafkaInstallation>>();

/**
 * Returns the installation of a Kafka version, downloading it first when it is not there or not whole.
 * Safe to call from many places and processes at once.
 * Throws TOOL_MISSING without Java 17 or (when something has to be downloaded) Maven; DOWNLOAD_FAILED when
 * Maven could not get the jars.
 */
export function installKafka(options: InstallOptions): Promise<KafkaInstallation> {
  const base = path.resolve(options.directory ?? path.join(projectRoot, '.kafka'));
  const key = path.join(base, options.version);
  const already = running.get(key);
  if (already) return already;
  const promise = install(base, options).finally(() => running.delete(key));
  running.set(key, promise);
  return promise;
}

async function install(
  base: string,
  { version, onProgress = () => {} }: InstallOptions,
): Promise<KafkaInstallation> {
  if (!/^\d+\.\d+\.\d+$/.test(version)) {
    throw new LockstepError(
      'USAGE',
      `${JSON.stringify(version)} is no Kafka version; expected one like 4.3.1.`,
    );
  }
  const java = findJava();
  const directory = path.join(base, version);
  const archive = classArchiveFile(directory, java);
  const isReady = () => existsSync(archive) || existsSync(`${archive}.failed`);
  const whole = readWhole(directory, version, java, archive);
  if (whole && isReady()) return whole;
  const step = `kafka ${version}`;
  await mkdir(base, { recursive: true });
  return withInstallLock(
    path.join(base, `${version}.lock`),
    async () => {
      if (!readWhole(directory, version, java, archive)) await download(directory, version, onProgress);
      const installed = readWhole(directory, version, java, archive);
      if (!installed)
        throw new LockstepError(
          'INTERNAL',
          `Kafka ${version} in ${directory} is not whole after its installation.`,
        );
      if (isReady()) return installed;
      onProgress({ step, message: 'preparing faster starts (about 8 s, once)' });
      const made = await makeClassArchive(installed, archive).catch(() => false);
      if (!made)
        await writeFile(
          `${archive}.failed`,
          'Brokers start without it, only slower. Remove this file to try again.\n',
        );
      onProgress({ step, message: 'installed' });
      return { ...installed, classArchive: made ? archive : null };
    },
    () => onProgress({ step, message: 'another process is installing it; waiting' }),
  );
}

async function download(directory: string, version: string, onProgress: OnProgress): Promise<void> {
  const mvn = findMaven();
  const incoming = `${directory}.incoming`;
  await rm(incoming, { recursive: true, force: true });
  await mkdir(incoming, { recursive: true });
  await writeFile(path.join(incoming, 'pom.xml'), renderPom(version));
  onProgress({ step: `kafka ${version}`, message: 'downloading its jars through Maven (about 55 MB, once)' });
  await copyJars(mvn, incoming, version, onProgress);
  await writeFile(
    path.join(incoming, 'installed.json'),
    JSON.stringify(await listJars(incoming, version), null, 1),
  );
  await rm(directory, { recursive: true, force: true });
  await rename(incoming, directory);
}

/** The installation if its marker is there and every jar has the size noted in it. */
function readWhole(
  directory: string,
  version: string,
  java: string,
  archive: string,
): KafkaInstallation | null {
  try {
    const marker = JSON.parse(readFileSync(path.join(directory, 'installed.json'), 'utf8')) as Marker;
    const lib = path.join(directory, 'lib');
    const jars = Object.entries(marker.jars);
    if (marker.version !== version || jars.length === 0) return null;
    for (const [jar, sizeBytes] of jars) if (statSync(path.join(lib, jar)).size !== sizeBytes) return null;
    const classPath = jars.map(([jar]) => path.join(lib, jar)).join(path.delimiter);
    const classArchive = existsSync(archive) ? archive : null;
    return { version, directory, java, classPath, logging: loggingFlavour(version), classArchive };
  } catch {
    return null;
  }
}

async function listJars(directory: string, version: string): Promise<Marker> {
  const lib = path.join(directory, 'lib');
  const jars: Record<string, number> = {};
  for (const jar of (await readdir(lib)).sort()) jars[jar] = (await stat(path.join(lib, jar))).size;
  return { version, jars };
}

/** Maven needs a whole line per file, so that progress shows also where the jars come from its own cache. */
function copyJars(mvn: string, directory: string, version: string, onProgress: OnProgress): Promise<void> {
  const args = [
    '-B',
    '-Dstyle.color=never',
    copyDependenciesGoal,
    '-DincludeScope=runtime',
    '-DoutputDirectory=lib',
  ];
  const child = spawn(mvn, args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  const tail: string[] = [];
  const jars = new Set<string>();
  let rest = '';
  const read = (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      tail.push(line);
      if (tail.length > mavenTailLinesMax) tail.shift();
      const jar = /(?:Downloaded from .*\/|Copying )([^/\s]+\.jar)\b/.exec(line)?.[1];
      if (!jar || jars.has(jar)) continue;
      jars.add(jar);
      onProgress({
        step: `kafka ${version}`,
        message: jar,
        doneCount: jars.size,
        totalCount: Math.max(expectedJarCount, jars.size),
      });
    }
  };
  child.stdout.setEncoding('utf8').on('data', read);
  child.stderr.setEncoding('utf8').on('data', read);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) return resolve();
      const reasons = tail.filter((line) => line.startsWith('[ERROR]') && line.length > 10).slice(0, 3);
      const reason = (reasons.length > 0 ? reasons : tail.slice(-3)).join('\n');
      reject(
        new LockstepError(
          'DOWNLOAD_FAILED',
          `Maven could not download the jars of Kafka ${version}. Is Maven Central (or your mirror of it) reachable?\n${reason}`,
          { detail: { version, code } },
        ),
      );
    });
  });
}
