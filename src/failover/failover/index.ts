// An unplanned move: the former primary may be gone, half gone, or only out of our sight.
import { hooksAfter, hooksBefore } from '../steps/hook-steps.ts';
import { rolesHere, rolesThere } from '../steps/role-steps.ts';
import type { Step } from '../types.ts';
import { look } from './look.ts';
import { loss } from './loss-step.ts';
import { promoteNow } from './promote-now.ts';

export { lookBeforeFailover } from './look.ts';

export const failoverSteps: readonly Step[] = [
  look,
  hooksBefore,
  promoteNow,
  rolesHere,
  // Clients come over by what hooks do (DNS): they don't wait for a region that is gone.
  hooksAfter,
  loss,
  rolesThere,
];
