// What the leader does about a command: a pure decision from the fleet's state. It says what would change and which
// records carry it; a dry run stops there. Commands are taken one by one in the order of the log, so of two people
// who ask for the same thing the second is told what the first has done.
import type { CommandRecord, FleetState } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { formatDuration } from '../../units.ts';
import { apply, createMirrors, deleteLink } from './decide-links.ts';
import { deleteMirrors, move } from './decide-mirrors.ts';
import { writeLoss, writeMove } from './decide-moves.ts';
import { declareRoles, setRoles } from './decide-roles.ts';
import { declareRules } from './decide-rules.ts';
import { type Decision, type DecisionContext, linkOf, refused } from './decision.ts';

/** Never throws for what a person may ask. */
export function decide(state: FleetState, command: CommandRecord, context: DecisionContext): Decision {
  const lateMs = context.nowMs - deadlineMsOf(command, context.heardAtMs);
  if (lateMs > 0) {
    return refused(
      'USAGE',
      `the command came ${formatDuration(lateMs)} after its deadline and was not carried out`,
    );
  }
  try {
    return decideBody(state, command, context);
  } catch (error) {
    if (error instanceof LockstepError) return refused(error.code, error.message);
    throw error;
  }
}

/** By our clock where we can tell: that of the machine which wrote it may be an hour away. */
function deadlineMsOf({ atMs, deadlineMs }: CommandRecord, heardAtMs: number | undefined): number {
  return heardAtMs === undefined ? deadlineMs : heardAtMs + (deadlineMs - atMs);
}

function decideBody(state: FleetState, command: CommandRecord, context: DecisionContext): Decision {
  const { body } = command;
  switch (body.do) {
    case 'createLink': {
      if (state.links.has(body.link.name) && state.links.get(body.link.name)!.isDeleted !== true)
        return refused(
          'USAGE',
          `link ${body.link.name} exists already; change it with: lockstep links alter`,
        );
      return apply(state, [body.link], context);
    }
    case 'applyLinks':
      return apply(state, body.links, context);
    case 'alterLink': {
      const link = linkOf(state, body.link);
      if (body.ifGeneration !== undefined && body.ifGeneration !== link.generation) {
        return refused(
          'USAGE',
          `link ${link.name} has generation ${link.generation}, not ${body.ifGeneration}: somebody changed it meanwhile`,
        );
      }
      const config: Record<string, unknown> = { ...link.config };
      for (const [key, value] of Object.entries(body.changes)) {
        if (value === null) delete config[key];
        else config[key] = value;
      }
      const { name, destination } = link;
      return apply(state, [{ name, destination, source: body.source ?? link.source, config }], context);
    }
    case 'deleteLink':
      return deleteLink(state, command, context);
    case 'createMirrors':
      return createMirrors(state, body.link, body.topics, context);
    case 'pauseMirrors':
      return move(state, command, 'pause', context);
    case 'resumeMirrors':
      return move(state, command, 'resume', context);
    case 'promoteMirrors':
      return move(state, command, body.isNow ? 'promoteNow' : 'promote', context);
    case 'deleteMirrors':
      return deleteMirrors(state, command, context);
    case 'declareRoles':
      return declareRoles(state, body.roles, command, context);
    case 'declareRules':
      return declareRules(state, body.rules, body.isChange, command, context);
    case 'setRoles':
      return setRoles(state, body.roles, { ifGeneration: body.ifGeneration, nowMs: context.nowMs });
    case 'writeMove':
      return writeMove(state, body.move, body.ifRevision);
    case 'writeLoss':
      return writeLoss(state, body.entries);
  }
  // A newer command line may ask for what we have never heard of.
  const { do: unknown } = body as { do: string };
  return refused(
    'UNSUPPORTED_VERSION',
    `the agent that leads the fleet does not know the command ${unknown}; it may be older than the command line`,
  );
}
