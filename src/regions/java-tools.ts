// Finds java and mvn and says in one sentence what is missing, so that nobody meets a stack trace of the
// JVM or "command not found" in the middle of an installation.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { LockstepError } from '../errors.ts';

/** Kafka 4 brokers and tools are compiled for Java 17. */
const javaVersionMin = 17;

const versionTimeoutMs = 30_000;
const installHint = {
  java: 'Install one (Debian and Ubuntu: apt-get install openjdk-17-jdk-headless; macOS: brew install openjdk@21), or point JAVA_HOME at it.',
  mvn: 'Install it (Debian and Ubuntu: apt-get install maven; macOS: brew install maven).',
};

/** Path of a java of at least version 17: JAVA_HOME's, or else the first on PATH. Throws TOOL_MISSING. */
export function findJava(environment: NodeJS.ProcessEnv = process.env): string {
  const home = environment.JAVA_HOME;
  const java = home ? path.join(home, 'bin', 'java') : 'java';
  const where = home ? `in JAVA_HOME (${home})` : 'on PATH';
  const printed = printedVersion(java, ['-version'], environment);
  if (printed === null) {
    throw missing(
      'java',
      `Java ${javaVersionMin} or newer is needed to run Kafka, and none was found ${where}.`,
    );
  }
  const version = parseJavaVersion(printed);
  if (version === null || version < javaVersionMin) {
    const found = version === null ? JSON.stringify(printed.split('\n')[0]) : `Java ${version}`;
    throw missing('java', `Java ${javaVersionMin} or newer is needed to run Kafka; found ${found} ${where}.`);
  }
  return java;
}

/** Path of Maven, which downloads Kafka's jars. Throws TOOL_MISSING. */
export function findMaven(environment: NodeJS.ProcessEnv = process.env): string {
  if (printedVersion('mvn', ['--version'], environment) === null) {
    throw missing('mvn', "Maven (mvn) is needed to download Kafka's jars, and it did not run from PATH.");
  }
  return 'mvn';
}

/** The feature version out of what `java -version` prints: 17 from "17.0.15", 8 from "1.8.0_392". */
export function parseJavaVersion(printed: string): number | null {
  const match = /version "(?:1\.)?(\d+)/.exec(printed);
  return match ? Number(match[1]) : null;
}

function printedVersion(command: string, args: string[], environment: NodeJS.ProcessEnv): string | null {
  const done = spawnSync(command, args, { env: environment, encoding: 'utf8', timeout: versionTimeoutMs });
  return done.status === 0 ? `${done.stderr}${done.stdout}` : null;
}

function missing(tool: keyof typeof installHint, message: string): LockstepError {
  return new LockstepError('TOOL_MISSING', `${message} ${installHint[tool]}`, { detail: { tool } });
}
