// How long things take in a simulated world, in ticks, and how these times relate.

/** What a request takes to its broker; one that is slow takes up to `slowTicksMax`. */
export const travelTicksMax = 4;
/** No request of a worker that runs is under way for longer than this and what is below: what `settle` is made for. */
export const slowTicksMax = 14;
export const leaveTicksMax = 1;
const splitTicksMax = 2;
export const settleTicks = leaveTicksMax + slowTicksMax + splitTicksMax + 1;
/** What is unknown for so long is settled: as short as can be right, where write-ledger.ts waits for a minute. */
export const doubtTicks = settleTicks;
/** Half of a settling pause: a look at the log end is worth so long. */
export const lookTicksMax = settleTicks / 2;
/** Old records are older than this, and no others are. */
export const expirationTicks = 100_000;
