// What all links of one process have in flight, together: one budget, and one pool of buffers, whichever fleets the links
// belong to. What one link holds at most (`inFlightBytesMax`) is a part of it.
import { FramePool } from '../client/index.ts';
import { MemoryBudget } from '../mirror/index.ts';

/** How much of it is in use, in bytes. */
export interface MemoryStatus {
  readonly heldBytes: number;
  /** The largest that it has been. */
  readonly heldBytesPeak: number;
  readonly heldBytesMax: number;
}

/** In flight over all links, in bytes. */
const inFlightBytesMax = 64 * 1024 * 1024;
/** Half of a budget is left to copies of what was read, so that one link alone may hold all that it may read. */
const partsOfLink = 2;
/**
 * Idle buffers kept for reuse, in bytes; what is in flight counts on its own. All that a link has in flight goes round: with
 * 8 MiB buffers that came back were dropped and made anew, at twice the processor time and for no less memory.
 */
const keptBytesMax = 24 * 1024 * 1024;

export class AgentMemory {
  readonly framePool = new FramePool({ keptBytesMax });
  readonly budget = new MemoryBudget({ bytesMax: inFlightBytesMax });

  /** A link that may hold so much begins. */
  fit(link: { readonly inFlightBytesMax: number }): void {
    this.budget.growTo(partsOfLink * link.inFlightBytesMax);
  }

  status(): MemoryStatus {
    const { heldBytes, heldBytesPeak, bytesMax: heldBytesMax } = this.budget;
    return { heldBytes, heldBytesPeak, heldBytesMax };
  }
}
