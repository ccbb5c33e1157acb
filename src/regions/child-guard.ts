// Brokers must not outlive the program that started them for a test, a drill or a demo.
// Three nets: an exit hook, a hook for the signals that would end this process, and, where Linux's setpriv is
// there, the kernel itself kills the child when its parent dies (that covers SIGKILL and crashes).
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';

const guarded = new Set<ChildProcess>();
const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
let hooked = false;

/** Kills this child with SIGKILL when our process ends, however it ends. */
export function guardChild(child: ChildProcess): void {
  if (!hooked) installHooks();
  guarded.add(child);
  child.once('exit', () => guarded.delete(child));
}

/** The command and arguments that make the kernel kill the child with its parent, where that can be done. */
export function withParentDeathSignal(command: string, args: string[]): [string, string[]] {
  const setpriv =
    process.platform === 'linux' && ['/usr/bin/setpriv', '/bin/setpriv'].find((file) => existsSync(file));
  return setpriv ? [setpriv, ['--pdeathsig', 'KILL', command, ...args]] : [command, args];
}

function killAll(): void {
  for (const child of guarded) child.kill('SIGKILL');
}

function installHooks(): void {
  hooked = true;
  process.on('exit', killAll);
  for (const signal of endingSignals) {
    const onSignal = () => {
      // Somebody else handles this signal: it will stop things in its own order, and exit runs killAll.
      if (process.listenerCount(signal) > 1) return;
      killAll();
      process.removeListener(signal, onSignal);
      process.kill(process.pid, signal);
    };
    process.on(signal, onSignal);
  }
}
