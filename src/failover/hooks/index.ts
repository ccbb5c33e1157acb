// Hooks: what a site wants to be done or told before, after and at the failure of a move.
export { type HookEvent, hookEvent } from './event.ts';
export { type HookOutcome, hookPlanLine, hooksOf, runHooks } from './run-hooks.ts';
