// The work of the agent that leads the fleet: it alone changes what stands in the control topic about links and
// mirrors. One pass at a time, whenever something changed and once a second:
//
//   0. write everything anew where the topic was deleted
//   1. answer commands, in the order of the log
//   2. write down mirrors that the links' runners have made or grown, and what keeps others from being made
//   3. take promotions on
//   4. answer the commands that waited for them
//   5. forget links without mirrors, and what is old
//
// A former leader may still believe to lead: its next write is refused (FENCED), and it steps down.
import {
  type AnswerRecord,
  answerKey,
  type CommandRecord,
  type ControlTopic,
  expired,
  type FleetState,
  followed,
  type LeaderWriter,
  linkKey,
  type MirrorRecord,
  mirrorKey,
  originsKey,
  type RolesRecord,
  recordVersion,
} from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { answerOf } from './answers.ts';
import { conditionEntries, type LinkTopics } from './conditions.ts';
import { decide } from './decide.ts';
import { setRoles } from './decide-roles.ts';
import type { Decision, DecisionContext } from './decision.ts';
import { type MetTopic, recordsOfMet } from './met-topics.ts';
import type { Promotions } from './promotions.ts';
import { WriteOrder } from './write-order.ts';

export interface LeaderOptions {
  readonly control: ControlTopic;
  readonly writer: LeaderWriter;
  readonly context: Omit<DecisionContext, 'nowMs'>;
  readonly nowMs: () => number;
  /** What the runners of all links hold now. */
  met(): readonly MetTopic[];
  /** How they stand. */
  links(): readonly LinkTopics[];
  /** Kafka's id of each link's source, where it was reached. */
  sourceClusterIds(): ReadonlyMap<string, string>;
  promotions(replace: (before: MirrorRecord, after: MirrorRecord | null) => Promise<void>): Promotions;
  readonly onNotice: (level: 'info' | 'warning', text: string) => void;
  /** Another agent leads now. */
  readonly onFenced: () => void;
}

/** Keys that the leader acts on; what agents tell of themselves is not among them. */
const worked = /^(link|mirror|command|answer|roles|rules)\//;
const passEveryMs = 1_000;
/** While a promotion is on its way. */
const promotionEveryMs = 100;
const cleanUpEveryMs = 30_000;

export class Leader {
  readonly #options: LeaderOptions;
  readonly #promotions: Promotions;
  #timer: NodeJS.Timeout | undefined;
  #stopListening = (): void => {};
  /** Set while a promotion is on its way. */
  #hurry: NodeJS.Timeout | null = null;
  #isStopped = false;
  #isWanted = false;
  #pass: Promise<void> | null = null;
  #cleanedUpAtMs = 0;
  /** Why the work has to be tried again, so that it is said once. */
  #trouble: string | null = null;
  readonly #order = new WriteOrder();

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.#promotions = options.promotions((before, after) => this.#replace(before, after));
  }

  start(): void {
    const { control } = this.#options;
    const endChanges = control.onChange((changes) => {
      if (changes.some(({ key }) => worked.test(key))) this.look();
    });
    const endLosses = control.onRecreated(() => this.look());
    this.#stopListening = () => {
      endChanges();
      endLosses();
    };
    this.#timer = setInterval(() => this.look(), passEveryMs);
    this.look();
  }

  /** Resolves when nothing of it is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    if (this.#hurry !== null) clearTimeout(this.#hurry);
    this.#stopListening();
    await this.#pass;
    await this.#order.alone(async () => {});
  }

  /** Something changed. */
  look(): void {
    this.#isWanted = true;
    if (this.#pass !== null || this.#isStopped) return;
    this.#pass = this.#passes().finally(() => {
      this.#pass = null;
      if (this.#isWanted) this.look();
    });
  }

  async #passes(): Promise<void> {
    const { onNotice, writer } = this.#options;
    while (this.#isWanted && !this.#isStopped) {
      this.#isWanted = false;
      try {
        await writer.settle();
        await writer.restore();
        await this.#answerCommands();
        await this.#writeDownMet();
        this.#stepPromotions();
        await this.#answerWaiting();
        await this.#forget();
        this.#trouble = null;
      } catch (error) {
        if (!(error instanceof LockstepError)) throw error;
        if (error.code === 'FENCED') return this.#stepDown();
        if (this.#trouble !== error.message)
          onNotice('warning', `the leader's work is tried again: ${error.message}`);
        this.#trouble = error.message;
        return;
      }
    }
  }

  #stepPromotions(): void {
    const mirrors = [...this.#options.control.state.mirrors.values()];
    this.#promotions.step(mirrors);
    if (this.#hurry !== null || !mirrors.some(({ state }) => state === 'Draining' || state === 'Closing'))
      return;
    this.#hurry = setTimeout(() => {
      this.#hurry = null;
      this.look();
    }, promotionEveryMs);
  }

  #stepDown(): void {
    this.#isStopped = true;
    this.#isWanted = false;
    clearInterval(this.#timer);
    this.#stopListening();
    this.#options.onFenced();
  }

  async #answerCommands(): Promise<void> {
    const { control, onNotice } = this.#options;
    for (const command of [...control.state.commands.values()]) {
      // Also an answer that we can't read: a newer Lockstep gave it.
      if (control.state.get(answerKey(command.id)) !== undefined) continue;
      const decision = await this.#order.alone(() => this.#carryOut(command));
      const outcome = `${decision.kind === 'refused' ? 'refused: ' : ''}${decision.message}`;
      if (isWorthTelling(command, decision)) onNotice('info', `${describe(command)}: ${outcome}`);
    }
  }

  /** Decides, and writes the decision down. What can't be written is refused: it would hold up all that comes after it. */
  async #carryOut(command: CommandRecord): Promise<Decision> {
    const { control, context, nowMs } = this.#options;
    const heardAtMs = control.heardAtMs(command.id);
    const decision = decide(control.state, command, { ...context, nowMs: nowMs(), heardAtMs });
    try {
      await this.#writeDecision(command, decision);
      return decision;
    } catch (error) {
      if (!(error instanceof LockstepError) || error.retriable || error.code === 'FENCED') throw error;
      const refused: Decision = { kind: 'refused', code: error.code, message: error.message };
      await this.#writeDecision(command, refused);
      return refused;
    }
  }

  /** With its answer, all or none. */
  async #writeDecision(command: CommandRecord, decision: Decision): Promise<void> {
    const { nowMs, writer } = this.#options;
    const isRefused = decision.kind === 'refused';
    const isDone = isRefused || decision.awaits === undefined || command.isDryRun;
    const answer: AnswerRecord = {
      v: recordVersion,
      id: command.id,
      atMs: nowMs(),
      state: isRefused ? 'refused' : isDone ? 'done' : 'working',
      message: decision.message,
      changes: isRefused ? [] : decision.changes,
      ...(isRefused && { code: decision.code }),
    };
    const entries = isRefused || command.isDryRun ? [] : decision.entries;
    await writer.write(new Map<string, object | null>([...entries, [answerKey(command.id), answer]]));
  }

  /** Mirrors that have no record yet, or whose record is not true any more. */
  #writeDownMet(): Promise<void> {
    return this.#order.alone(async () => {
      const { control, met, links, sourceClusterIds, nowMs, writer } = this.#options;
      const { state } = control;
      const entries = new Map<string, object | null>([
        ...recordsOfMet(state, met(), nowMs()),
        ...conditionEntries(state, links(), nowMs()),
      ]);
      for (const [name, sourceClusterId] of sourceClusterIds()) {
        const link = state.links.get(name);
        if (link === undefined || link.sourceClusterId !== undefined || state.foreign.has(linkKey(name)))
          continue;
        entries.set(linkKey(name), { ...link, sourceClusterId });
      }
      await writer.write(entries);
    });
  }

  async #answerWaiting(): Promise<void> {
    const { control, nowMs } = this.#options;
    for (const answer of [...control.state.answers.values()]) {
      if (answer.state !== 'working') continue;
      const final = answerOf(answer, control.state, nowMs());
      if (final !== null) await this.write(new Map([[answerKey(answer.id), final]]));
    }
  }

  async #forget(): Promise<void> {
    const { control, nowMs } = this.#options;
    const entries = new Map<string, null>(linksToForget(control.state).map((key) => [key, null]));
    if (nowMs() - this.#cleanedUpAtMs >= cleanUpEveryMs) {
      this.#cleanedUpAtMs = nowMs();
      for (const key of expired(control.state, nowMs())) entries.set(key, null);
    }
    await this.write(entries);
  }

  #replace(before: MirrorRecord, after: MirrorRecord | null): Promise<void> {
    return this.#order.together(async () => {
      const now = this.#options.control.state.mirrors.get(`${before.link}/${before.sourceTopic}`);
      if (now === undefined || !isSameStep(now, before)) return;
      await this.#options.writer.write(new Map([[mirrorKey(before), after]]));
    });
  }

  /** Takes over roles of another region where they are newer than ours. */
  follow(theirs: RolesRecord): Promise<void> {
    return this.#order.alone(async () => {
      const { control, nowMs, onNotice, writer } = this.#options;
      const ours = control.state.roles.get(theirs.group);
      const result = followed(ours, theirs);
      if (result.kind !== 'take') return;
      const decision = setRoles(control.state, result.roles, {
        ifGeneration: ours?.generation ?? 0,
        nowMs: nowMs(),
      });
      if (decision.kind === 'refused') throw new LockstepError(decision.code, decision.message);
      await writer.write(decision.entries);
      const what = decision.changes.map(({ name, details }) => `${name}: ${details.join('; ')}`);
      onNotice('info', `roles as another region has them: ${what.join(', ')}`);
    });
  }

  /** Writes what a keeper remembers. */
  write(entries: ReadonlyMap<string, object | null>): Promise<void> {
    return this.#order.together(() => this.#options.writer.write(entries));
  }
}

/** Whether what was decided about a mirror still is about it: partitions that came meanwhile count, too. */
function isSameStep(now: MirrorRecord, before: MirrorRecord): boolean {
  return (['state', 'sinceMs', 'partitionCount', 'sourceTopicId', 'mirrorTopicId'] as const).every(
    (key) => now[key] === before[key],
  );
}

/** Links that are being deleted and have no mirror left to close: everything below them. */
function linksToForget(state: FleetState): string[] {
  const keys: string[] = [];
  for (const link of state.links.values()) {
    if (link.isDeleted !== true) continue;
    const mirrors = [...state.mirrors.values()].filter((mirror) => mirror.link === link.name);
    if (mirrors.some((mirror) => mirror.state !== 'Promoted')) continue;
    keys.push(linkKey(link.name), ...mirrors.map(mirrorKey));
    // What its keepers remembered; shifts stay, they say what the offsets of its mirrors mean.
    for (const kind of ['acl', 'group']) keys.push(...state.entries(`${kind}/${link.name}/`).keys());
    if (state.origins.has(link.name)) keys.push(originsKey(link.name));
  }
  return keys.filter((key) => !state.foreign.has(key));
}

/** A command that moves a group writes down every few moments how far it is, and tells people itself. */
function isWorthTelling({ body }: CommandRecord, { kind }: Decision): boolean {
  if (body.do === 'writeLoss') return kind === 'refused';
  return (
    body.do !== 'writeMove' || kind === 'refused' || body.move.state !== 'running' || body.ifRevision === null
  );
}

function describe({ by, body, isDryRun }: CommandRecord): string {
  if (body.do === 'writeMove') {
    const { kind, group, to, state } = body.move;
    return `${by}: ${kind} of ${group} to ${to} ${state}`;
  }
  const about = 'link' in body ? (typeof body.link === 'string' ? body.link : body.link.name) : '';
  return `${by}: ${body.do}${about === '' ? '' : ` ${about}`}${isDryRun ? ' (dry run)' : ''}`;
}
