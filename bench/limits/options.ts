// The command line of `npm run bench -- limits`.
import { parseArgs } from 'node:util';
import { wholeNumber, wrongUsage } from '../numbers.ts';

export interface LimitsBenchOptions {
  /** One round each, bytes a second; null: without a limit. */
  readonly limits: readonly (number | null)[];
  /** Of each round, in which is counted. */
  readonly seconds: number;
  /** Agents of the link, as processes. */
  readonly agents: number;
}

export const usage = `npm run bench -- limits [options]

--limits LIST    bytes a second, one round each, "none" for a round without (2097152,10485760)
--seconds N      how long each round is counted (20)
--agents N       agents of the link (2)`;

const secondsMax = 600;
const agentsMax = 8;
/** The backlog has to last for all seconds of a round. */
const limitMax = 64 * 1024 * 1024;

/** Throws USAGE for what makes no sense. */
export function parseLimitsOptions(args: readonly string[]): LimitsBenchOptions {
  const { limits, seconds, agents } = readArguments(args);
  return {
    limits: limits
      .split(',')
      .map((text) => (text === 'none' ? null : wholeNumber('limits', text, { max: limitMax, usage }))),
    seconds: wholeNumber('seconds', seconds, { max: secondsMax, usage }),
    agents: wholeNumber('agents', agents, { max: agentsMax, usage }),
  };
}

function readArguments(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        limits: { ...text, default: '2097152,10485760' },
        seconds: { ...text, default: '20' },
        agents: { ...text, default: '2' },
      },
    }).values;
  } catch (error) {
    throw wrongUsage((error as Error).message, usage);
  }
}
