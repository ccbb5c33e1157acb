// All shapes, in the order of the table in docs/performance.md.
import type { Shape } from '../shape.ts';
import { compacted } from './compacted.ts';
import { lz4, zstd } from './compressed.ts';
import { fanOut } from './fan-out.ts';
import { latency } from './latency.ts';
import { outage } from './outage.ts';
import { plain } from './plain.ts';
import { replicated } from './replicated.ts';
import { tiny } from './tiny.ts';
import { tls } from './tls.ts';
import { transactions } from './transactions.ts';
import { wan } from './wan.ts';
import { wide } from './wide.ts';

export const shapes: readonly Shape[] = [
  plain,
  lz4,
  zstd,
  tls,
  tiny,
  latency,
  wide,
  wan,
  fanOut,
  transactions,
  replicated,
  compacted,
  outage,
];
