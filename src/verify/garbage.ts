// Gives memory back in time. Decompressed batches lie outside of V8's heap, which collects garbage by what lies inside:
// hundreds of MB of them can pile up before it looks. So it is asked to look each time as much has been decompressed
// as may lie about.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes of decompressed batches that may lie about unused. With our small heap collecting takes some milliseconds, a fifth of what decompressing as much takes. */
const garbageBytesMax = 12 * 1024 * 1024;

let collect: (() => void) | null = null;
let garbageBytes = 0;

/** Something of this size that V8 does not see is not used any more. */
export function noteGarbage(bytes: number): void {
  garbageBytes += bytes;
  if (garbageBytes < garbageBytesMax) return;
  garbageBytes = 0;
  if (collect === null) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}
