// How what a broker did is judged and put into words. Each judgement takes the log end before and after as well as the
// answer: a broker may append what it says it refused.
import { kafkaError } from '../../protocol/index.ts';
import type { AppendResult, WriteResult } from './probe-log.ts';
import type { Finding } from './rule.ts';

export const outOfOrder = 45;
export const fencedEpoch = 47;
/** A first sequence that no counting from 0 would give. */
export const anySequence = 1_234_567;

export function appended(result: AppendResult, count: number): Finding {
  const { errorCode, baseOffset, endBefore, endAfter } = result;
  const held = errorCode === 0 && baseOffset === endBefore && endAfter === endBefore + BigInt(count);
  return { held, seen: describeAppend(result) };
}

export function refused(result: WriteResult, errorCode: number): Finding {
  const held = result.errorCode === errorCode && result.endAfter === result.endBefore;
  return { held, seen: `${named(result.errorCode)}, ${growth(result)}` };
}

export function markerWritten(result: WriteResult, count = 1): Finding {
  const held = result.errorCode === 0 && result.endAfter === result.endBefore + BigInt(count);
  return { held, seen: `${named(result.errorCode)}, ${growth(result)}` };
}

/** Held when every step was; shows the first that was not, or else the step that the rule is about. */
export function all(findings: readonly Finding[], shown = findings.length - 1): Finding {
  return findings.find((finding) => !finding.held) ?? (findings[shown] as Finding);
}

export function describeAppend(result: AppendResult): string {
  if (result.errorCode !== 0) return `${named(result.errorCode)}, ${growth(result)}`;
  return `base offset ${result.baseOffset}, ${growth(result)}`;
}

export function refusal(errorCode: number): string {
  return `refused with ${errorCode}, not appended`;
}

export function named(errorCode: number): string {
  return errorCode === 0 ? 'no error' : `${errorCode} ${kafkaError(errorCode).name}`;
}

function growth({ endBefore, endAfter }: WriteResult): string {
  return endBefore === endAfter ? `log end still ${endAfter}` : `log end from ${endBefore} to ${endAfter}`;
}
