// Runs a program to its end and collects what it printed, with a bound on its time.
import { spawn } from 'node:child_process';

export type ChildOutput = { readonly code: number; readonly stdout: Buffer; readonly stderr: string };

/** A non-zero exit code is an answer; a missing program or a time-out is an error. */
export function runChild(
  command: string,
  args: readonly string[],
  { stdin, timeoutMs = 30_000 }: { stdin?: string | Buffer; timeoutMs?: number } = {},
): Promise<ChildOutput> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { stdio: 'pipe' });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${command} took longer than ${timeoutMs} ms; it said: ${Buffer.concat(err)}`));
    }, timeoutMs);
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => {}); // a program may end before it has read its input
    child.stdin.end(stdin);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 1, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString('utf8') });
    });
  });
}
