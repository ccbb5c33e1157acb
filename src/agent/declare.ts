// What an agent's file says is put before the fleet: checked before the agent joins, and asked of the leader when it has.
import { type AnswerRecord, type CommandBody, type FleetState, residencyRules } from '../control/index.ts';
import { LockstepError } from '../errors.ts';
import type { FleetAgentOptions } from './fleet-agent-options.ts';
import { checkDeclaration } from './leader/decide-roles.ts';
import { checkRulesDeclaration } from './leader/decide-rules.ts';

/** What an agent's file says. */
export type FileDeclarations = Pick<FleetAgentOptions, 'apply' | 'declare' | 'rules'>;

/**
 * Resolves with what people should know of it; null: nothing.
 * @throws LockstepError where it contradicts what stands in the fleet.
 */
export function checkDeclared(
  state: FleetState,
  { apply, declare: groups = [], rules }: FileDeclarations,
): string | null {
  for (const roles of groups) checkDeclaration(state, roles);
  if (rules !== undefined) checkRulesDeclaration(state, rules);
  else if (apply !== undefined) return standingRules(state);
  return null;
}

export interface DeclareOptions extends FileDeclarations {
  /** Sends a command to the leader, and waits for what becomes of it. */
  readonly ask: (body: CommandBody) => Promise<AnswerRecord>;
  readonly onNotice: FleetAgentOptions['onNotice'];
}

/** Everything is to be as declared before this agent can be of use. @throws LockstepError what the leader refuses. */
export async function declare(options: DeclareOptions): Promise<void> {
  const { apply = [], declare: groups = [], rules } = options;
  for (const roles of groups) await carryOut({ do: 'declareRoles', roles }, options);
  // Before any link begins.
  if (rules !== undefined) await carryOut({ do: 'declareRules', rules, isChange: false }, options);
  if (apply.length > 0) await carryOut({ do: 'applyLinks', links: apply }, options);
}

async function carryOut(body: CommandBody, { ask, onNotice }: DeclareOptions): Promise<void> {
  const answer = await ask(body);
  if (answer.state === 'refused') throw new LockstepError(answer.code ?? 'CONFIG_INVALID', answer.message);
  for (const { what, name, action, details } of answer.changes) {
    if (action === 'none') continue;
    const subject =
      what === 'roles' ? `roles of group ${name}: ` : what === 'rules' ? 'residency rules: ' : '';
    const text = `${subject}${action}: ${details.join('; ') || 'as declared'}`;
    onNotice(what === 'link' ? name : null, { atMs: Date.now(), level: 'info', text });
  }
}

/** A file that says nothing of rules does not end them. */
function standingRules(state: FleetState): string | null {
  const standing = state.rules.get(residencyRules)?.rules ?? [];
  if (standing.length === 0) return null;
  const names = standing.map(({ name }) => name).join(', ');
  return `the file has no rules, and these stand in the fleet and hold for its links too: ${names}`;
}
