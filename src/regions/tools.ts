// Runs Kafka's own Java programs (org.apache.kafka.tools.*, kafka.tools.*): the independent witnesses of our
// tests, and the tools that format a broker's folder.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { LockstepError } from '../errors.ts';
import { guardChild, withParentDeathSignal } from './child-guard.ts';
import type { KafkaInstallation } from './install.ts';

/** Short-lived JVMs: the interpreter and C1 only, small heap, one GC thread. */
const toolJvmFlags = [
  '-Xmx256m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-Xshare:auto',
  '-XX:-UsePerfData',
];
/** More output than this is a mistake of the caller: the tool is killed. */
const outputBytesMax = 256 * 1024 * 1024;

/** Points a JVM at the parsed classes of class-archive.ts, where they are. */
export function classArchiveFlags({ classArchive }: KafkaInstallation): string[] {
  return classArchive === null ? [] : [`-XX:SharedArchiveFile=${classArchive}`];
}

export type ToolResult = { readonly code: number; readonly stdout: string; readonly stderr: string };
export type RunToolOptions = {
  /** Written to the tool's standard input, which is then closed. */
  readonly stdin?: string | Buffer;
  /** The tool is killed after this many milliseconds; 60 s by default. */
  readonly timeoutMs?: number;
  /** Replaces the small-heap JVM flags. */
  readonly jvmFlags?: readonly string[];
};

/** Another command that runs this one: in a namespace of its own, say. It has to replace itself by it (exec). */
export type WrapCommand = (command: string, args: readonly string[]) => [string, string[]];

/** Starts a tool and leaves its streams and its end to the caller; it dies with our process. */
export function spawnKafkaTool(
  installation: KafkaInstallation,
  className: string,
  args: readonly string[],
  options: { readonly jvmFlags?: readonly string[]; readonly wrap?: WrapCommand } = {},
): ChildProcessWithoutNullStreams {
  const jvm = options.jvmFlags ?? toolJvmFlags;
  const wrap: WrapCommand = options.wrap ?? ((command, all) => [command, [...all]]);
  const wrapped = wrap(installation.java, [
    ...jvm,
    ...classArchiveFlags(installation),
    '-cp',
    installation.classPath,
    className,
    ...args,
  ]);
  const [command, commandArgs] = withParentDeathSignal(...wrapped);
  const child = spawn(command, commandArgs, { stdio: 'pipe', detached: true });
  guardChild(child);
  return child;
}

/**
 * Runs a tool to its end and returns what it printed; a non-zero exit code is an answer, not an error.
 * Throws REGION_FAILED when it takes longer than `timeoutMs` or prints without end.
 */
export async function runKafkaTool(
  installation: KafkaInstallation,
  className: string,
  args: readonly string[],
  options: RunToolOptions = {},
): Promise<ToolResult> {
  const { stdin, timeoutMs = 60_000, ...spawnOptions } = options;
  const child = spawnKafkaTool(installation, className, args, spawnOptions);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  let sizeBytes = 0;
  let failure: string | null = null;
  const giveUp = (reason: string) => {
    failure ??= reason;
    child.kill('SIGKILL');
  };
  const collect = (list: Buffer[]) => (chunk: Buffer) => {
    sizeBytes += chunk.length;
    if (sizeBytes > outputBytesMax) return giveUp(`printed more than ${outputBytesMax} bytes`);
    list.push(chunk);
  };
  child.stdout.on('data', collect(out));
  child.stderr.on('data', collect(err));
  child.stdin.on('error', () => {}); // a tool may end before it has read its input
  child.stdin.end(stdin);
  const timer = setTimeout(() => giveUp(`took longer than ${timeoutMs} ms`), timeoutMs);
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (exitCode) => resolve(exitCode ?? 1));
    });
    const [stdout, stderr] = [Buffer.concat(out).toString('utf8'), Buffer.concat(err).toString('utf8')];
    if (failure) {
      throw new LockstepError(
        'REGION_FAILED',
        `Kafka's tool ${className} ${failure}. Its last words: ${stderr.slice(-500)}`,
      );
    }
    return { code, stdout, stderr };
  } finally {
    clearTimeout(timer);
  }
}
