// Keeps two processes from installing the same thing at once. The lock is a file naming its owner; a lock
// whose owner has died is taken over, so a killed installation never blocks the next one.
import { readFileSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { LockstepError } from '../errors.ts';
import { isSameProcess, type ProcessIdentity, processIdentity } from './process-identity.ts';

const pollMs = 200;
/** A download over a slow line takes minutes; an owner that needs longer than this is taken for hung. */
const lockWaitMsMax = 20 * 60_000;

/** Runs `work` while holding the lock file. `onWait` is told once when another process holds it. */
export async function withInstallLock<T>(
  file: string,
  work: () => Promise<T>,
  onWait: () => void,
): Promise<T> {
  const deadline = Date.now() + lockWaitMsMax;
  let told = false;
  while (!(await tryLock(file))) {
    const owner = readOwner(file);
    if (owner !== 'unreadable' && (owner === 'gone' || !isSameProcess(owner))) {
      if (owner !== 'gone') await rm(file, { force: true });
      continue;
    }
    if (!told) onWait();
    told = true;
    if (Date.now() > deadline) {
      throw new LockstepError(
        'DOWNLOAD_FAILED',
        `Another process holds ${file} for too long; remove that file if none is installing.`,
      );
    }
    await sleep(pollMs);
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function tryLock(file: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx');
    await handle.writeFile(JSON.stringify(processIdentity(process.pid)));
    await handle.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** 'unreadable' is an owner between creating and writing the file. */
function readOwner(file: string): ProcessIdentity | 'gone' | 'unreadable' {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'gone' : 'unreadable';
  }
}
