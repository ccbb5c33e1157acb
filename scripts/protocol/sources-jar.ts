// The sources jar of kafka-clients, fetched once through Maven into .kafka/sources, wherever Maven keeps its own.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { LockstepError } from '../../src/errors.ts';

const folder = fileURLToPath(new URL('../../.kafka/sources/', import.meta.url));
const copyGoal = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy';
/** A jar of 4 MB; with an empty Maven the plugin comes first. */
const downloadMsMax = 300_000;

/** The jar's bytes. @throws LockstepError TOOL_MISSING without Maven, DOWNLOAD_FAILED */
export function readSourcesJar(kafkaVersion: string): Uint8Array {
  const name = `kafka-clients-${kafkaVersion}-sources.jar`;
  const file = path.join(folder, name);
  if (!existsSync(file)) download(kafkaVersion, name, file);
  return readFileSync(file);
}

/** Copies into a folder of its own first: a jar under its final name is whole. */
function download(kafkaVersion: string, name: string, file: string): void {
  mkdirSync(folder, { recursive: true });
  const incoming = mkdtempSync(path.join(folder, 'incoming-'));
  try {
    const artifact = `org.apache.kafka:kafka-clients:${kafkaVersion}:jar:sources`;
    const args = ['-q', '-B', copyGoal, `-Dartifact=${artifact}`, `-DoutputDirectory=${incoming}`];
    const done = spawnSync('mvn', args, { cwd: incoming, encoding: 'utf8', timeout: downloadMsMax });
    if (done.error !== undefined && (done.error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new LockstepError(
        'TOOL_MISSING',
        `Maven (mvn) is needed to download ${name}; give the path of the jar instead.`,
        { detail: { tool: 'mvn' } },
      );
    if (done.status !== 0)
      throw new LockstepError(
        'DOWNLOAD_FAILED',
        `Maven could not get ${artifact}: ${`${done.stdout}${done.stderr}`.trim().slice(-2000)}`,
        { cause: done.error },
      );
    renameSync(path.join(incoming, name), file);
  } finally {
    rmSync(incoming, { recursive: true, force: true });
  }
}
