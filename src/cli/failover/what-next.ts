// What stands when a move has failed or was interrupted, and what to type next. Pure.
import type { MoveRecord } from '../../control/index.ts';
import type { Step } from '../../failover/index.ts';

export interface TypedCommand {
  /** As it was typed: `lockstep switchover shop.yaml --to eu-west`. */
  readonly words: string;
  readonly file: string;
}

/** Lines below `done`: what is easily forgotten in the night. */
export function afterwards({ from, to, kind, topics }: MoveRecord, file: string): string[] {
  const primary = topics === null ? `primary: ${to}` : topics.map((topic) => `${topic}: ${to}`).join(', ');
  const only = topics === null ? '' : ` --topics ${topics.join(',')}`;
  return [
    `clients:      point them to ${to} now, unless a hook did`,
    `the file:     write ${primary} into ${file}; agents that start with the old one are refused`,
    ...(kind === 'failover'
      ? [`the loss:     lockstep loss ${file}`, `when ${from} is back: lockstep status ${file}`]
      : [`the way back: lockstep switchover ${file} --to ${from}${only}`]),
  ];
}

/** Lines below the error. */
export function whatNext(
  move: MoveRecord,
  steps: readonly Pick<Step, 'name' | 'isPointOfNoReturn'>[],
  { words, file }: TypedCommand,
): string[] {
  const { from, to, kind } = move;
  const at = steps.findIndex(({ name }) => name === move.step);
  const point = steps.findIndex(({ isPointOfNoReturn }) => isPointOfNoReturn);
  if (move.state === 'failed')
    return [`nothing was changed: ${from} is primary as before`, `again: ${words}`];
  const denials = Array.isArray(move.facts.denials) ? move.facts.denials.length : 0;
  const denied = denials > 0 ? `; writes are denied at ${from} until this goes on or is taken back` : '';
  if (at < point)
    return [
      `what stands: ${from} is primary as before, nothing was promoted${denied}`,
      `go on:      ${words} --resume`,
      `take back:  ${words} --undo`,
      ...(kind === 'switchover' ? [`when ${from} is lost: lockstep failover ${file} --to ${to}`] : []),
    ];
  const done = new Set(move.done.map(({ step }) => step));
  const roles = done.has('rolesHere') ? `${to} is primary` : `${to} is about to become primary`;
  return [
    `what stands: behind the point of no return; ${roles}${done.has('promote') ? ' and takes writes' : ''}`,
    `go on:      ${words} --resume`,
    ...(at === point && kind === 'switchover'
      ? [`take back:  ${words} --undo (as long as no mirror is promoted yet)`]
      : []),
    ...(kind === 'switchover' && !done.has('promote')
      ? [`when ${from} is lost: lockstep failover ${file} --to ${to}`]
      : []),
  ];
}
