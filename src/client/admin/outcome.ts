// Admin requests carry many items and Kafka answers each for itself: one topic may be created while its
// neighbour is refused. So results come item by item, and one failure never hides the others.
import { LockstepError } from '../../errors.ts';
import type { Cluster } from '../cluster.ts';
import { kafkaFailure } from '../kafka-failure.ts';
import type { KafkaRight } from '../rights.ts';

/** How it went with one item. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: LockstepError };

export function succeeded<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

export function failed(error: LockstepError): { readonly ok: false; readonly error: LockstepError } {
  return { ok: false, error };
}

/** The value, or the error thrown: for callers that asked about one item. */
export function unwrap<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw outcome.error;
}

/** How `run` went; other errors than LockstepError are thrown. */
export async function settle<T>(run: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return succeeded(await run());
  } catch (error) {
    if (error instanceof LockstepError) return failed(error);
    throw error;
  }
}

/** A success, or the failure that Kafka's error number stands for; `right`: what it needs, should that be missing. */
export function outcomeOf<T>(
  cluster: Cluster,
  answer: { readonly errorCode: number; readonly errorMessage?: string | null },
  what: string,
  value: () => T,
  right?: KafkaRight,
): Outcome<T> {
  if (answer.errorCode === 0) return succeeded(value());
  return failed(
    kafkaFailure(answer.errorCode, {
      cluster: cluster.name,
      what,
      brokerMessage: answer.errorMessage,
      right,
    }),
  );
}

/** For answers without an error of their own: the error that every item has, so that the whole is tried again. */
export function errorOfAll(
  items: readonly { readonly errorCode: number; readonly errorMessage?: string | null }[],
  retriable: (number: number) => boolean,
): {
  number: number;
  message?: string | null;
} {
  const first = items[0];
  if (first === undefined || !items.every((item) => item.errorCode !== 0 && retriable(item.errorCode)))
    return { number: 0 };
  return { number: first.errorCode, message: first.errorMessage ?? null };
}

/** Runs at most `parallelMax` at a time; results in the order of the items. */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  parallelMax: number,
  run: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = new Array(items.length);
  let nextIndex = 0;
  const worker = async () => {
    while (nextIndex < items.length) {
      const index = nextIndex;
      nextIndex += 1;
      results[index] = await run(items[index]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallelMax, items.length) }, worker));
  return results;
}
