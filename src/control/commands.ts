// Commands as records: a person's command line writes one, the leader of the fleet answers it under the same id.
import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import { orPatience } from '../patience.ts';
import { formatDuration } from '../units.ts';
import type { ControlTopic } from './control-topic.ts';
import { answerKey, commandKey } from './keys.ts';
import { type AnswerRecord, type CommandBody, type CommandRecord, recordVersion } from './records/index.ts';
import { controlTopic } from './topic.ts';

/** Every agent writes its agent/ record at least so often, ms: the sign that it lives. */
export const agentBeatMs = 5_000;
/** Without any sign of an agent for so long nobody will answer, ms. */
const agentSilenceMsMax = 20_000;
/** A cluster that does not answer must not hold up whoever gives up, ms. */
const withdrawMsMax = 2_000;

export interface CommandOptions {
  /** Who asks: user@host. */
  readonly by: string;
  /** For the whole answer, ms; a planned promotion may take its own time-out on top. */
  readonly timeoutMs: number;
  readonly isDryRun: boolean;
  /** Each answer of state `working`. */
  readonly onProgress?: (answer: AnswerRecord) => void;
  readonly signal?: AbortSignal;
  /** Without any sign of an agent for so long it is given up, ms. Default 20 s. */
  readonly silenceMsMax?: number;
  readonly clock?: Clock;
}

/**
 * Writes a command and waits for its answer, `done` or `refused`.
 * @throws LockstepError NO_AGENT when no agent runs; REQUEST_TIMED_OUT. The signal's reason when it is aborted.
 */
export async function sendCommand(
  control: ControlTopic,
  body: CommandBody,
  options: CommandOptions,
): Promise<AnswerRecord> {
  const { by, timeoutMs, isDryRun, signal } = options;
  signal?.throwIfAborted();
  const where = `cluster ${control.cluster.name}`;
  await control.refresh();
  if (control.state.agents.size === 0) throw noAgent(`${where}: no agent runs here`);
  const id = randomUUID();
  const atMs = Date.now();
  const command: CommandRecord = {
    v: recordVersion,
    id,
    by,
    atMs,
    deadlineMs: atMs + timeoutMs,
    isDryRun,
    body,
  };
  const answer = nextAnswers(control, id, options);
  try {
    await Promise.race([answer.ended, control.put(new Map([[commandKey(id), command]]))]);
    return await answer.ended;
  } catch (error) {
    if (!control.state.answers.has(id)) await withdraw(control, id);
    throw error;
  } finally {
    answer.stop();
  }
}

/** Nobody waits for it any more: an agent that starts tomorrow must not find it. */
async function withdraw(control: ControlTopic, id: string): Promise<void> {
  await orPatience(
    control.put(new Map([[commandKey(id), null]])).catch(() => {}),
    withdrawMsMax,
  );
}

/** Follows the answers to a command until the last one. */
function nextAnswers(
  control: ControlTopic,
  id: string,
  options: CommandOptions,
): { ended: Promise<AnswerRecord>; stop(): void } {
  const { timeoutMs, onProgress, signal, clock = systemClock, silenceMsMax = agentSilenceMsMax } = options;
  const { promise: ended, resolve, reject } = Promise.withResolvers<AnswerRecord>();
  const where = `cluster ${control.cluster.name}`;
  const silent = () =>
    reject(noAgent(`${where}: no agent has shown a sign of life for ${formatDuration(silenceMsMax)}`));
  const late = () =>
    reject(
      new LockstepError(
        'REQUEST_TIMED_OUT',
        `${where}: the fleet has not answered within ${formatDuration(timeoutMs)}; see \`lockstep links describe\` for what it did`,
      ),
    );
  const interrupted = () => reject(signal?.reason);
  if (signal?.aborted) interrupted();
  // By what arrives, not by the times in it: nobody's clock has to agree with ours.
  let cancelSilence = clock.after(silenceMsMax, silent);
  const cancelLate = clock.after(timeoutMs, late);
  signal?.addEventListener('abort', interrupted, { once: true });
  const stopListening = control.onChange((changes) => {
    for (const { key } of changes) {
      if (!/^(agent|answer|status)\//.test(key)) continue;
      cancelSilence();
      cancelSilence = clock.after(silenceMsMax, silent);
      if (key !== answerKey(id)) continue;
      const answer = control.state.answers.get(id);
      if (answer === undefined) continue;
      if (answer.state === 'working') onProgress?.(answer);
      else resolve(answer);
    }
  });
  const stop = () => {
    cancelSilence();
    cancelLate();
    signal?.removeEventListener('abort', interrupted);
    stopListening();
  };
  return { ended, stop };
}

function noAgent(what: string): LockstepError {
  return new LockstepError(
    'NO_AGENT',
    `${what}, and commands are carried out by agents (topic ${controlTopic}); start one with \`lockstep agent\` or \`lockstep run FILE\``,
  );
}
