// `lockstep mirrors promote`: mirrors become topics of their own; when the lag is gone, or at once.
import type { MirrorRecord } from '../../control/index.ts';
import { type ExitCode, exitCodes, LockstepError } from '../../errors.ts';
import { mirrorStates } from '../../link/lifecycle.ts';
import { type ChangeOptions, carryOut } from '../fleet/carry-out.ts';
import { confirmed } from '../fleet/confirm.ts';
import { describeMirror } from '../fleet/describe.ts';
import { type DestinationOptions, withFleet } from '../fleet/destination.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { chosenMirrors } from '../fleet/names.ts';
import { PromotionProgress, progressLines } from '../fleet/promotion.ts';
import { formatDuration, plural } from '../output/units.ts';
import type { CommandContext } from '../program.ts';

export interface PromoteOptions extends DestinationOptions, ChangeOptions {
  readonly link: string;
  readonly all?: true;
  readonly now?: true;
  readonly timeout?: number;
  readonly yes?: true;
}

/** How long a planned promotion waits for the lag to be gone, unless told otherwise, ms. */
const promotionMs = 60_000;
/** What closing the partitions takes beyond that at most, ms. */
const closeMsMax = 120_000;

export async function promote(
  topics: readonly string[],
  options: PromoteOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const isNow = options.now === true;
  if (isNow && options.timeout !== undefined)
    throw new LockstepError('USAGE', '--timeout is for planned promotions: --now waits for nothing');
  const timeoutMs = isNow ? 0 : (options.timeout ?? promotionMs);
  return withFleet(options, context, async (fleet) => {
    const { topics: chosen, mirrors } = chosenMirrors(fleet, topics, options);
    const isMeant = ({ link, sourceTopic }: { link: string; sourceTopic: string }): boolean =>
      link === options.link && (chosen === null || chosen.includes(sourceTopic));
    if (isNow && options.dryRun !== true && !(await confirmedNow(fleet, mirrors, options, context))) {
      return exitCodes.no;
    }
    const { output } = context;
    const awaited = mirrors.filter(({ state }) => mirrorStates[state].isCopied);
    if (!isNow && options.dryRun !== true && awaited.length > 0)
      output.message(
        `lockstep: waiting up to ${formatDuration(timeoutMs)} for writes to stop and the lag of ${plural(awaited.length, 'mirror')} to be gone`,
      );
    const progress = options.dryRun === true ? null : new PromotionProgress(fleet, isMeant, output);
    const exitCode = await carryOut(
      fleet,
      { do: 'promoteMirrors', link: options.link, topics: chosen, isNow, timeoutMs },
      context,
      { ...options, timeoutMs: timeoutMs + closeMsMax, progress },
    );
    const paused = isNow ? [] : mirrors.filter(({ state }) => state === 'Paused');
    if (paused.length === 0) return exitCode;
    output.message(
      `lockstep: ${paused.map(({ sourceTopic }) => sourceTopic).join(', ')}: not promoted while paused, since what the source wrote meanwhile would be missing; ` +
        'resume, or promote with --now what there is',
    );
    return exitCodes.no;
  });
}

/** What is lost by it is said before. */
function confirmedNow(
  fleet: Fleet,
  mirrors: readonly MirrorRecord[],
  options: PromoteOptions,
  context: CommandContext,
): Promise<boolean> {
  const open = mirrors
    .filter(({ state }) => state !== 'Promoted')
    .map((mirror) => describeMirror(fleet.state, mirror, fleet.nowMs()));
  // Nothing is lost by what changes nothing: the leader says why.
  if (open.length === 0) return Promise.resolve(true);
  const known = open.some((mirror) => mirror.unknownCount > 0)
    ? 'where the lag is unknown, so is the loss'
    : 'what the source writes from now on is not copied either';
  return confirmed(context, {
    ...(options.yes && { yes: true }),
    what: `promote ${plural(open.length, 'mirror')} of ${options.link} at once`,
    consequences: [
      `these become topics of their own at ${fleet.destination} and are never copied again; their lag is lost to them:`,
      ...progressLines(open),
      known,
    ],
  });
}
