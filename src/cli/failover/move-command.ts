// What `switchover` and `failover` have in common: the regions are opened, a move that is under way is found, gone on with,
// taken back or refused; a new one is shown, confirmed and begun.
import { randomBytes } from 'node:crypto';
import { type MoveRecord, type RolesRecord, recordVersion } from '../../control/index.ts';
import { type ExitCode, exitCodes, LockstepError } from '../../errors.ts';
import {
  CheckFailed,
  contextOf,
  describeMove,
  giveUp,
  isOvertaken,
  isSameWish,
  type MoveContext,
  type MoveEnd,
  movesFrom,
  type OpenGroup,
  type OpenRegion,
  type RunningMove,
  reached,
  reasonOf,
  requireAbandoned,
  rolesOf,
  runMove,
  runningMoves,
  type Step,
  type TurnedApart,
  tellFailure,
  toldStep,
  turnedApart,
  undoMove,
} from '../../failover/index.ts';
import { within } from '../../patience.ts';
import { nearestName, type ReplicationGroupConfig } from '../../topology/index.ts';
import { person } from '../fleet/fleet.ts';
import { formatJson } from '../output/json.ts';
import type { CommandContext } from '../program.ts';
import { type MoveOptions, requireOneWay } from './move-options.ts';
import { openedGroup } from './opened-group.ts';
import { pointOfNoReturnLine, stepTeller, stepTitle } from './step-lines.ts';
import { afterwards, whatNext } from './what-next.ts';

/** A region that can't write down that its move is over must not hold up a failover, ms. */
const giveUpMsMax = 3_000;
/** Where a move begins that has nothing to promote. */
const rolesStep = 'rolesHere';

/** What tells one kind of move from another. */
export interface MoveKind {
  readonly kind: 'switchover' | 'failover';
  readonly steps: readonly Step[];
  /** Kept in the move's record. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Whether a person decides for a region against others that were turned apart; absent: not by this kind of move. */
  decide?(record: MoveRecord): Promise<boolean>;
  /** What of it is asked otherwise when the move is gone on with. */
  factsAgain?(move: MoveRecord): Readonly<Record<string, unknown>>;
  /** How long each region may take to answer, ms. */
  patienceMs(region: string, to: string): number;
  /** Shows what it would do; whether it may begin, and was confirmed where that is needed. */
  confirm(move: MoveContext, record: MoveRecord): Promise<'go' | 'no'>;
  /** Shows it without asking; false: it would be refused. */
  show(move: MoveContext, record: MoveRecord): Promise<boolean>;
}

export async function moveCommand(
  kind: MoveKind,
  file: string,
  options: MoveOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { output } = context;
  requireOneWay(options);
  const opened = {
    name: options.group,
    check: ({ name, regions }: ReplicationGroupConfig) => requireRegion(name, regions, options.to),
    patienceMs: (region: string) => kind.patienceMs(region, options.to),
  };
  await using group = await openedGroup(file, opened, context);
  for (const region of group.regions.values())
    if (region.cluster === null && region.name !== options.to)
      output.message(`lockstep: region ${region.name} does not answer: ${region.reason}`);
  // Awaited here: the regions are left when it has ended.
  return await new MoveCommand(kind, group, file, options, context).run();
}

class MoveCommand {
  readonly #kind: MoveKind;
  readonly #group: OpenGroup;
  readonly #file: string;
  readonly #options: MoveOptions;
  readonly #context: CommandContext;

  constructor(kind: MoveKind, group: OpenGroup, file: string, options: MoveOptions, context: CommandContext) {
    this.#kind = kind;
    this.#group = group;
    this.#file = file;
    this.#options = options;
    this.#context = context;
  }

  async run(): Promise<ExitCode> {
    const { resume, undo, dryRun } = this.#options;
    const home = reached(this.#group, this.#options.to);
    const running = await this.#running();
    const own = running.find(({ move }) => isSameWish(move, this.#wish));
    const other = running.find((each) => each !== own);
    if (own !== undefined && dryRun !== true) {
      await requireAbandoned(own, Date.now());
      return undo ? this.#undo(own) : this.#goOn(own);
    }
    if (resume || undo)
      throw new LockstepError(
        'USAGE',
        `no ${this.#kind.kind} to ${this.#options.to} is under way in group ${this.#group.config.name}`,
      );
    if (other !== undefined) {
      if (dryRun) this.#say(`a ${describeMove(other.move, Date.now())} is under way`);
      else await this.#makeWay(other);
    }
    return this.#begin(home, other);
  }

  get #wish() {
    const { to, topics } = this.#options;
    return { kind: this.#kind.kind, to, topics: topics ?? null };
  }

  /** Those that can be gone on with; others are ended. */
  async #running(): Promise<RunningMove[]> {
    const running = runningMoves(this.#group);
    const roles = this.#group.roles();
    const overtaken = running.filter(({ move }) => isOvertaken(move, roles));
    for (const each of overtaken) {
      if (this.#options.dryRun) continue;
      this.#say(`the ${describeMove(each.move, Date.now())} was overtaken by newer roles, and is ended`);
      await this.#giveUp(each, `overtaken by roles of generation ${roles!.generation}`);
    }
    return running.filter((each) => !overtaken.includes(each));
  }

  /**
   * Where its region has no agent that could write it down, nobody can go on with it there either: newer roles end it
   * once they are seen.
   */
  async #giveUp(running: RunningMove, reason: string): Promise<void> {
    const { move, home } = running;
    if (home.name === this.#options.to) return giveUp(running, person(), reason);
    try {
      await within(giveUp(running, person(), reason), giveUpMsMax, `writing at ${home.name}`);
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      this.#say(
        `it could not be written down at ${home.name} that the ${move.kind} is ended: ${error.message}`,
      );
    }
  }

  /** A failover takes the place of whatever was begun at a terminal that is dead now; anything else waits for its end. */
  async #makeWay(other: RunningMove): Promise<void> {
    await requireAbandoned(other, Date.now());
    const { move } = other;
    if (this.#kind.kind === 'failover') return;
    throw new LockstepError(
      'USAGE',
      `a ${describeMove(move, Date.now())} was begun by ${move.by} and not ended; go on with it (lockstep ${move.kind} ... --resume) or take it back (--undo)`,
    );
  }

  async #begin(home: OpenRegion, replaced: RunningMove | undefined): Promise<ExitCode> {
    const { output } = this.#context;
    const roles = rolesOf(this.#group);
    const { to, topics = null } = this.#options;
    const froms = movesFrom(roles, to, topics);
    const isPrimary = topics === null && roles.primary.region === to;
    const apart = isPrimary ? turnedApart(this.#group, roles) : [];
    if (apart.length > 0) return this.#decide(home, roles, apart);
    if (froms.length === 0) return this.#isDone(roles.moveId, home);
    if (froms.length > 1)
      throw new LockstepError(
        'USAGE',
        `topics of ${froms.join(' and ')} can't be moved at once; name those of one with --topics`,
      );
    const move = this.#newMove(froms[0]!, roles);
    const shown = contextOf({ ...this.#base(home) }, null, this.#context.signal);
    if (this.#options.dryRun) return this.#dryRun(shown, move);
    if ((await this.#kind.confirm(shown, move)) === 'no') return exitCodes.no;
    if (replaced !== undefined) {
      output.message(
        `lockstep: the ${describeMove(replaced.move, Date.now())} is given up for this failover`,
      );
      await this.#giveUp(replaced, `given up for a failover to ${to}`);
    }
    // Times are counted from here: what a person thinks about is not the command's.
    return this.#run(home, { ...move, startedAtMs: Date.now() });
  }

  /** A person decides for the region whose roles are the newest, against those that were turned apart from it. */
  async #decide(home: OpenRegion, roles: RolesRecord, apart: readonly TurnedApart[]): Promise<ExitCode> {
    const { to } = this.#options;
    const names = apart.map(({ region }) => region).join(', ');
    for (const { region, differences } of apart)
      this.#say(`${region} was turned apart from ${to}: ${differences.join('; ')}`);
    if (this.#kind.decide === undefined)
      throw new LockstepError(
        'USAGE',
        `split brain: decide for ${to} with: lockstep failover ${this.#file} --to ${to}`,
      );
    if (this.#options.dryRun) {
      this.#say(
        `would decide for ${to}; what differs at ${names} awaits a restore then. Nothing was changed`,
      );
      return exitCodes.ok;
    }
    const move = this.#newMove(apart[0]!.region, roles);
    if (!(await this.#kind.decide(move))) return exitCodes.no;
    const topics = [...new Set(apart.flatMap((each) => each.topics))];
    return this.#run(home, { ...move, step: rolesStep, facts: { ...move.facts, topics, isDecision: true } });
  }

  #newMove(from: string, roles: RolesRecord): MoveRecord {
    const { to, topics = null } = this.#options;
    const nowMs = Date.now();
    return {
      ...{ v: recordVersion, id: moveId(nowMs), group: this.#group.config.name },
      ...{ kind: this.#kind.kind, from, to, topics, by: person() },
      ...{ startedAtMs: nowMs, changedAtMs: nowMs, revision: 0, state: 'running' },
      ...{ step: this.#kind.steps[0]!.name, done: [], rolesGeneration: roles.generation },
      facts: this.#kind.facts,
    };
  }

  /** The same command given again after its end. */
  #isDone(turnedBy: string | null, home: OpenRegion): ExitCode {
    const { to, json } = this.#options;
    const last =
      turnedBy === null ? undefined : home.state?.moves.get(`${this.#group.config.name}/${turnedBy}`);
    const words = `${to} is primary already`;
    if (last === undefined || !isSameWish(last, this.#wish) || last.state !== 'done')
      throw new LockstepError('USAGE', `${words}: there is nothing to move`);
    this.#say(`${words}, by the ${last.kind} of ${last.by}; nothing to do`);
    if (json) this.#context.output.data(formatJson({ outcome: 'done', move: last }));
    return exitCodes.ok;
  }

  async #dryRun(shown: MoveContext, move: MoveRecord): Promise<ExitCode> {
    const { output } = this.#context;
    const { steps } = this.#kind;
    let isFine = await this.#kind.show(shown, move);
    const plan: { step: string; title: string; remark: string }[] = [];
    for (const step of steps) {
      const told = toldStep(steps, step, move);
      const refused = (error: unknown): string => {
        isFine = false;
        return reasonOf(error);
      };
      const remark = (await step.preview?.(shown, move).catch(refused)) ?? '';
      plan.push({ step: step.name, title: told.title, remark });
      if (this.#options.json) continue;
      if (told.isPointOfNoReturn) output.data(`${pointOfNoReturnLine}\n`);
      output.data(`${stepTitle(told)}${remark === '' ? '' : `: ${remark}`}\n`);
    }
    if (this.#options.json)
      output.data(formatJson({ outcome: isFine ? 'would run' : 'would be refused', plan, move }));
    this.#say('a dry run: nothing was changed');
    return isFine ? exitCodes.ok : exitCodes.no;
  }

  async #goOn({ move, home }: RunningMove): Promise<ExitCode> {
    const done = move.done.length;
    this.#say(
      `going on with the ${describeMove(move, Date.now())} (${done} of ${this.#kind.steps.length} steps are done)`,
    );
    return this.#run(home, { ...move, facts: { ...move.facts, ...this.#kind.factsAgain?.(move) } });
  }

  async #undo({ move, home }: RunningMove): Promise<ExitCode> {
    const undone = await undoMove({
      ...this.#base(home),
      move,
      steps: this.#kind.steps,
      signal: this.#context.signal,
    });
    if (this.#options.json) this.#context.output.data(formatJson({ outcome: 'undone', move: undone }));
    this.#say(`taken back: ${move.from} is primary as before`);
    return exitCodes.ok;
  }

  async #run(home: OpenRegion, move: MoveRecord): Promise<ExitCode> {
    const end = await runMove({
      ...this.#base(home),
      ...{ move, steps: this.#kind.steps, signal: this.#context.signal, onFailure: tellFailure },
    });
    return this.#ended(end);
  }

  #ended(end: MoveEnd): ExitCode {
    const { output } = this.#context;
    const { move } = end;
    const reason = end.kind === 'failed' ? reasonOf(end.error) : null;
    if (this.#options.json)
      output.data(formatJson({ outcome: end.kind, ...(reason !== null && { reason }), move }));
    if (end.kind === 'done') {
      this.#say(`done: ${move.to} is primary${move.topics === null ? '' : ` for ${move.topics.join(', ')}`}`);
      for (const line of afterwards(move, this.#file)) output.message(`  ${line}`);
      return exitCodes.ok;
    }
    this.#say(
      end.kind === 'failed' ? `${this.#kind.kind} stopped: ${reason}` : 'interrupted before it was through',
    );
    for (const line of whatNext(move, this.#kind.steps, { words: this.#words, file: this.#file }))
      output.message(`  ${line}`);
    if (end.kind === 'interrupted' || end.error instanceof CheckFailed) return exitCodes.no;
    if (end.error instanceof LockstepError) return end.error.exitCode;
    throw end.error;
  }

  get #words(): string {
    const { to, topics, group } = this.#options;
    const rest = `${topics === undefined ? '' : ` --topics ${topics.join(',')}`}${group === undefined ? '' : ` --group ${group}`}`;
    return `lockstep ${this.#kind.kind} ${this.#file} --to ${to}${rest}`;
  }

  #base(home: OpenRegion) {
    const teller = stepTeller(this.#context.output, { isJson: this.#options.json === true });
    return { group: this.#group, home, by: person(), teller };
  }

  #say(line: string): void {
    this.#context.output.message(`lockstep: ${line}`);
  }
}

/** In the order of time, and of its own. */
export function moveId(nowMs: number): string {
  return `${new Date(nowMs).toISOString().slice(0, 19).replace(/[-:]/g, '')}-${randomBytes(2).toString('hex')}`;
}

function requireRegion(group: string, regions: readonly string[], name: string): void {
  if (regions.includes(name)) return;
  const meant = nearestName(name, regions);
  const hint = meant === undefined ? `it has ${regions.join(', ')}` : `did you mean ${meant}?`;
  throw new LockstepError('USAGE', `group ${group} has no region ${name}; ${hint}`);
}
