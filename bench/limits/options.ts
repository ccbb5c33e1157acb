// The command line of `npm run bench -- limits`.
import { parseArgs } from 'node:util';
import { LockstepError } from '../../src/errors.ts';

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
    limits: limits.split(',').map((text) => (text === 'none' ? null : whole('limits', text, limitMax))),
    seconds: whole('seconds', seconds, secondsMax),
    agents: whole('agents', agents, agentsMax),
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
    throw wrong((error as Error).message);
  }
}

function whole(name: string, text: string, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value <= max) return value;
  throw wrong(`--${name} ${text}: expected whole numbers from 1 to ${max}`);
}

function wrong(message: string): LockstepError {
  return new LockstepError('USAGE', `${message}\n\n${usage}`);
}
