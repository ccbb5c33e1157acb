// What can't be read of a log, as an error that names the place.
import { LockstepError } from '../../errors.ts';
import { LogStalled, OffsetGone, SideFailure } from '../../verify/index.ts';

/** Runs the work. @throws LockstepError where a log can't be read on. */
export async function reading<T>(place: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const cause = error instanceof SideFailure ? error.cause : error;
    if (!(cause instanceof OffsetGone || cause instanceof LogStalled)) throw cause;
    const isMoving = cause instanceof OffsetGone;
    const what = isMoving ? 'retention took it meanwhile; try again' : 'the broker gives nothing for it';
    throw new LockstepError('KAFKA_ERROR', `${place}: offset ${cause.offset} can't be read: ${what}`, {
      cause,
      retriable: isMoving,
    });
  }
}
