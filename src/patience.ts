// Waiting for work that a cluster may hold up for ever.

/** Resolves when the work has ended, or after that long; rejects as the work does until then. */
export async function orPatience(work: Promise<unknown>, patienceMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patienceMs);
  });
  await Promise.race([work, patience]);
  clearTimeout(timer);
}
