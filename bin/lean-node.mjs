// Agents run for years and move bytes that live outside of V8's heap: a small heap costs them nothing measurable, and
// with V8's own choice a thousand partitions take three times the memory (bench/idle.ts).
const leanFlags = ['--optimize-for-size'];
const longRunning = new Set(['run', 'agent']);

/** Node's flags for this command line. */
export function leanFlagsFor(args) {
  return longRunning.has(args[0]) ? leanFlags : [];
}

/** Starts this process anew in its place, where the command is one that runs for long; does nothing elsewhere. */
export function becomeLean(args) {
  const missing = leanFlagsFor(args).filter((flag) => !process.execArgv.includes(flag));
  // Windows can't replace a process.
  if (missing.length === 0 || process.platform === 'win32') return;
  const { execPath, execArgv, argv } = process;
  process.execve?.(execPath, [execPath, ...missing, ...execArgv, ...argv.slice(1)], process.env);
}
