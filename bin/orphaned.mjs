// npm and npx give a SIGTERM to the shell between them and us, and that shell dies of it without passing it on: a
// supervisor believes that we have ended, and we go on as an orphan. So whoever npm has started looks whether the
// shell is still there.

const lookEveryMs = 500;

/** Calls `stop` once when the process that started us is gone; only where npm has started us. */
export function whenOrphaned(stop) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    stop();
  }, lookEveryMs);
  timer.unref();
}
