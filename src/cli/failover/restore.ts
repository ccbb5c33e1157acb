// What `lockstep restore` does: looks, shows the plan, asks, and runs the steps; or goes on with a restore, or takes it back.
import { type MoveRecord, recordVersion } from '../../control/index.ts';
import { type ExitCode, exitCodes, LockstepError } from '../../errors.ts';
import {
  describeMove,
  isSameWish,
  type OpenGroup,
  type OpenRegion,
  type RunningMove,
  reasonOf,
  requireAbandoned,
  rolesOf,
  runMove,
  runningMoves,
  undoMove,
} from '../../failover/index.ts';
import {
  deletedTopics,
  divergedMirrors,
  type HistoryChoice,
  lookForRestore,
  restoreGround,
  restoreStepsOf,
  windowOffsetsDefault,
} from '../../failover/restore/index.ts';
import { person } from '../fleet/fleet.ts';
import { formatJson } from '../output/json.ts';
import { ProgressLine } from '../output/progress.ts';
import type { CommandContext } from '../program.ts';
import { moveId } from './move-command.ts';
import { requireOneWay } from './move-options.ts';
import { openedGroup } from './opened-group.ts';
import { type PlanShown, planAsJson, planLines } from './restore-plan.ts';
import { stepTeller } from './step-lines.ts';

export interface RestoreCommandOptions {
  readonly history: HistoryChoice;
  readonly topics?: readonly string[];
  readonly group?: string;
  readonly compare: 'window' | 'all';
  readonly dryRun?: true;
  readonly yes?: true;
  readonly resume?: true;
  readonly undo?: true;
  readonly json?: true;
}

export async function restore(
  region: string,
  file: string,
  options: RestoreCommandOptions,
  context: CommandContext,
): Promise<ExitCode> {
  requireOneWay(options);
  await using group = await openedGroup(file, { name: options.group }, context);
  return await new RestoreCommand(group, region, file, options, context).run();
}

class RestoreCommand {
  readonly #group: OpenGroup;
  readonly #region: string;
  readonly #file: string;
  readonly #options: RestoreCommandOptions;
  readonly #context: CommandContext;

  constructor(
    group: OpenGroup,
    region: string,
    file: string,
    options: RestoreCommandOptions,
    context: CommandContext,
  ) {
    this.#group = group;
    this.#region = region;
    this.#file = file;
    this.#options = options;
    this.#context = context;
  }

  async run(): Promise<ExitCode> {
    const { resume, undo, dryRun, topics = null } = this.#options;
    const wish = { kind: 'restore', to: this.#region, topics } as const;
    const running = runningMoves(this.#group);
    const own = running.find(({ move }) => isSameWish(move, wish));
    if (own !== undefined && dryRun !== true) {
      await requireAbandoned(own, Date.now());
      return undo ? this.#undo(own) : this.#goOn(own);
    }
    if (resume || undo) throw new LockstepError('USAGE', `no such restore of ${this.#region} is under way`);
    const [other] = running;
    if (other !== undefined && dryRun !== true)
      throw new LockstepError(
        'USAGE',
        `a ${describeMove(other.move, Date.now())} was begun by ${other.move.by} and not ended; go on with it (the same command again) or take it back (--undo)`,
      );
    return this.#begin();
  }

  async #begin(): Promise<ExitCode> {
    const { topics = null, history, compare, dryRun, json } = this.#options;
    const { output } = this.#context;
    const last = this.#lastDone();
    if (last !== undefined && !this.#isWaiting(last)) {
      this.#say(`${last.to} was restored already, by ${last.by}; nothing to do`);
      if (json) output.data(formatJson({ outcome: 'done', move: last }));
      return exitCodes.ok;
    }
    const ground = restoreGround(this.#group, this.#region, topics);
    const startedAtMs = Date.now();
    const shown = await this.#look(ground, startedAtMs);
    if (dryRun) {
      if (json) output.data(formatJson({ outcome: 'would run', plan: planAsJson(shown) }));
      else output.data(`${planLines(shown).join('\n')}\n`);
      this.#say('a dry run: nothing was changed');
      return exitCodes.ok;
    }
    for (const line of planLines(shown)) output.message(line);
    if (!(await this.#isConfirmed(shown))) return exitCodes.no;
    const { diverged } = ground;
    const facts = {
      options: {
        ...{ history, comparesAll: compare === 'all' },
        confirmed: deletedTopics(shown.plan).map(({ topic }) => topic),
        ...(diverged.length > 0 && { diverged }),
      },
    };
    const move: MoveRecord = {
      ...{ v: recordVersion, id: moveId(startedAtMs), group: this.#group.config.name, kind: 'restore' },
      ...{ from: ground.home.name, to: this.#region, topics, by: person(), state: 'running' },
      ...{ startedAtMs, changedAtMs: startedAtMs, revision: 0, step: '', done: [] },
      ...{ rolesGeneration: rolesOf(this.#group).generation, facts },
    };
    return this.#run(ground.home, { ...move, step: restoreStepsOf(move)[0]!.name });
  }

  /** The same command given again after its end. */
  #lastDone(): MoveRecord | undefined {
    const { topics = null } = this.#options;
    const wish = { kind: 'restore', to: this.#region, topics } as const;
    return [...this.#group.regions.values()]
      .flatMap(({ state }) => [...(state?.moves.values() ?? [])])
      .filter((move) => move.group === this.#group.config.name && move.state === 'done')
      .filter((move) => isSameWish(move, wish))
      .sort((a, b) => b.startedAtMs - a.startedAtMs)[0];
  }

  #isWaiting({ to, topics }: MoveRecord): boolean {
    const roles = rolesOf(this.#group);
    const diverged = divergedMirrors(this.#group, roles, this.#group.regions.get(to)!);
    const waiting = [
      ...(Object.hasOwn(roles.awaitsRestore, to) ? roles.awaitsRestore[to]! : []),
      ...diverged.map(({ sourceTopic }) => sourceTopic),
    ];
    return topics === null ? waiting.length > 0 : topics.some((topic) => waiting.includes(topic));
  }

  async #look(ground: ReturnType<typeof restoreGround>, atMs: number): Promise<PlanShown> {
    const { history, compare } = this.#options;
    const windowOffsets = compare === 'all' ? null : windowOffsetsDefault;
    const progress = new ProgressLine(this.#context.output);
    const label = `comparing ${ground.lost.name} with ${ground.home.name}`;
    try {
      const plan = await lookForRestore(ground, {
        ...{ atMs, windowOffsets, signal: this.#context.signal },
        onPartition: (done, total) =>
          progress.update({ label, done, total, detail: `${done} of ${total} partitions` }),
      });
      return { plan, history, windowOffsets };
    } finally {
      progress.end();
    }
  }

  /** A person types the region's name: `yes` is typed too fast. */
  async #isConfirmed({ plan }: PlanShown): Promise<boolean> {
    const { ask, output } = this.#context;
    if (this.#options.yes) return true;
    if (ask === undefined)
      throw new LockstepError(
        'USAGE',
        `a restore of ${plan.region} has to be confirmed, and there is no terminal: add --yes`,
      );
    const answer = await ask(
      `restore ${plan.region} from ${plan.home}? Type the name of the region to go on: `,
    );
    if (answer.trim() === plan.region) return true;
    output.message('lockstep: nothing was done');
    return false;
  }

  async #goOn({ move, home }: RunningMove): Promise<ExitCode> {
    const done = `${move.done.length} of ${restoreStepsOf(move).length} steps are done`;
    this.#say(`going on with the ${describeMove(move, Date.now())} (${done})`);
    return this.#run(home, move);
  }

  async #undo({ move, home }: RunningMove): Promise<ExitCode> {
    const undone = await undoMove({
      ...this.#base(home),
      ...{ move, steps: restoreStepsOf(move), signal: this.#context.signal },
    });
    if (this.#options.json) this.#context.output.data(formatJson({ outcome: 'undone', move: undone }));
    this.#say(`taken back: ${move.to} stands as before`);
    return exitCodes.ok;
  }

  async #run(home: OpenRegion, begun: MoveRecord): Promise<ExitCode> {
    const { output, signal } = this.#context;
    const end = await runMove({ ...this.#base(home), move: begun, steps: restoreStepsOf(begun), signal });
    const { move } = end;
    const reason = end.kind === 'failed' ? reasonOf(end.error) : null;
    if (this.#options.json)
      output.data(formatJson({ outcome: end.kind, ...(reason !== null && { reason }), move }));
    if (end.kind === 'done') {
      this.#say(`done: ${move.to} is a mirror of ${move.from} again`);
      output.message(`  to prove it:           lockstep verify ${this.#file}`);
      output.message(`  to make it primary:    lockstep switchover ${this.#file} --to ${move.to}`);
      return exitCodes.ok;
    }
    this.#say(end.kind === 'failed' ? `restore stopped: ${reason}` : 'interrupted before it was through');
    if (move.state === 'failed') output.message('  nothing was changed');
    else output.message(`  go on:      ${this.#words}`);
    if (end.kind === 'interrupted') return exitCodes.no;
    if (end.error instanceof LockstepError) return end.error.exitCode;
    throw end.error;
  }

  get #words(): string {
    const { topics, group } = this.#options;
    const rest = `${topics === undefined ? '' : ` --topics ${topics.join(',')}`}${group === undefined ? '' : ` --group ${group}`}`;
    return `lockstep restore ${this.#region} ${this.#file}${rest}`;
  }

  #base(home: OpenRegion) {
    const teller = stepTeller(this.#context.output, { isJson: this.#options.json === true });
    return { group: this.#group, home, by: person(), teller };
  }

  #say(line: string): void {
    this.#context.output.message(`lockstep: ${line}`);
  }
}
