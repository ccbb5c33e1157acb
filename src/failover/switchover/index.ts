// A planned move, without losing or doubling a record.
import { hooksAfter, hooksBefore } from '../steps/hook-steps.ts';
import { rolesHere, rolesThere } from '../steps/role-steps.ts';
import type { Step } from '../types.ts';
import { catchUp, verifyTail } from './catch-up.ts';
import { check } from './check.ts';
import { promote } from './promote.ts';
import { reverse } from './reverse.ts';
import { stopWrites } from './stop-writes.ts';

export const switchoverSteps: readonly Step[] = [
  check,
  hooksBefore,
  stopWrites,
  catchUp,
  verifyTail,
  promote,
  rolesHere,
  // Clients wait for these: nothing that follows is theirs.
  hooksAfter,
  rolesThere,
  reverse,
];
