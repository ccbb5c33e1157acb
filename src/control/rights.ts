// A refusal that names the right: brokers tell which kind of thing was refused, not what would be enough.
import { LockstepError } from '../errors.ts';

/**
 * Passes on what the promise says; a missing right is named.
 * @param right as in docs/security.md: `WRITE on topic __lockstep`
 */
export async function needing<T>(right: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof LockstepError) || error.code !== 'NOT_AUTHORIZED') throw error;
    throw new LockstepError('NOT_AUTHORIZED', `${error.message} Needed is ${right}.`, {
      cause: error,
      detail: { ...error.detail, right },
      retriable: error.retriable,
    });
  }
}
