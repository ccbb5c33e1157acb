// Starts a member as a process (member-process.ts) and follows what it tells.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../support/wait-for.ts';

interface Told {
  readonly added?: readonly string[];
  readonly revoked?: readonly string[];
  readonly reason?: string;
  readonly notice?: string;
}

export interface ChildMember {
  readonly pid: number;
  /** Keys that it believes to own. */
  readonly owned: Set<string>;
  /** Why it gave something up, each time. */
  readonly reasons: string[];
  signal(signal: NodeJS.Signals): void;
  /** Stops it cleanly, or kills it where it does not end in time. */
  end(): Promise<void>;
}

const script = fileURLToPath(new URL('member-process.ts', import.meta.url));

/** Resolves when it has its first part of the work. */
export async function startChildMember(options: {
  readonly name: string;
  readonly bootstrap: string;
  readonly groupId: string;
  readonly itemCount: number;
}): Promise<ChildMember> {
  const { name, bootstrap, groupId, itemCount } = options;
  const child = spawn(process.execPath, [script, name, bootstrap, groupId, String(itemCount)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const closed = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const owned = new Set<string>();
  const reasons: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const told = JSON.parse(line) as Told;
    for (const key of told.added ?? []) owned.add(key);
    for (const key of told.revoked ?? []) owned.delete(key);
    if (told.reason !== undefined) reasons.push(told.reason);
  });
  const end = async () => {
    child.stdin.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await closed;
    clearTimeout(timer);
  };
  try {
    await waitFor(() => owned.size > 0, { deadlineMs: 30_000, describe: `${name} to get some work` });
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return { pid: child.pid!, owned, reasons, signal: (signal) => child.kill(signal), end };
}
