// The last answer to a command that waited for mirrors: pure, from where those mirrors stand now.
import type { AnswerRecord, FleetState, MirrorRecord } from '../../control/index.ts';

/** Null while something is still on its way. */
export function answerOf(answer: AnswerRecord, state: FleetState, nowMs: number): AnswerRecord | null {
  const awaited = answer.changes.filter(
    ({ what, action }) => what === 'mirror' && (action === 'promote' || action === 'delete'),
  );
  const promoted: {
    topic: string;
    partitions: NonNullable<MirrorRecord['promotion']>['partitions'] & object;
  }[] = [];
  const failed: string[] = [];
  const notes: string[] = [];
  for (const { name, action } of awaited) {
    const mirror = state.mirrors.get(name);
    const isOurs = mirror?.promotion?.commandId === answer.id;
    if (mirror !== undefined && isOurs && (mirror.state === 'Draining' || mirror.state === 'Closing'))
      return null;
    if (action === 'delete') {
      if (mirror !== undefined && mirror.state !== 'Promoted') failed.push(`${name} is ${mirror.state}`);
    } else if (mirror === undefined) failed.push(`${name} was deleted meanwhile`);
    else if (mirror.state !== 'Promoted') failed.push(`${name}: ${mirror.reason ?? `is ${mirror.state}`}`);
    else {
      promoted.push({ topic: mirror.mirrorTopic, partitions: mirror.promotion?.partitions ?? [] });
      if (mirror.reason !== null) notes.push(`${name}: ${mirror.reason}`);
    }
  }
  const base = { ...answer, atMs: nowMs, ...(promoted.length > 0 && { promoted }) };
  if (failed.length === 0) {
    const done = promoted.length > 0 ? `${promoted.length} promoted` : answer.message;
    return { ...base, state: 'done', message: [done, ...notes].join('; ') };
  }
  return { ...base, state: 'refused', code: 'REQUEST_TIMED_OUT', message: failed.join('; ') };
}
