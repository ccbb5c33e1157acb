// All shapes, in the order of the table in docs/performance.md.
import type { Shape } from '../shape.ts';
import { plain } from './plain.ts';

export const shapes: readonly Shape[] = [plain];
