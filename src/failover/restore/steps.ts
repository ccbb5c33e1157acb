// A restore as steps. Until topics are deleted everything can be left as it is: what was made by then are copies.
import type { MoveRecord } from '../../control/index.ts';
import type { Step } from '../types.ts';
import { divergedOf } from './facts.ts';
import { hold } from './hold.ts';
import { look, lossCompleted } from './look-steps.ts';
import { beginStep, copyStep, rolesHere, rolesThere, verifyCopies } from './mirror-steps.ts';
import { deleteStep, saveStep, verifyStep } from './save-steps.ts';

/** In their order. */
export const restoreSteps: readonly Step[] = [
  ...[look, lossCompleted, saveStep, verifyStep, deleteStep],
  ...[beginStep, rolesHere, rolesThere, copyStep, verifyCopies],
];

/** Those of this restore. */
export function restoreStepsOf(move: MoveRecord): readonly Step[] {
  return divergedOf(move).length === 0 ? restoreSteps : [hold, ...restoreSteps];
}
