// The log of an agent: JSON lines on stderr, one per event that matters, with link, topic and partition where it has
// them. Never what records hold, and never secrets.
import { type DestinationStream, destination, type Logger, pino } from 'pino';
import { withoutSecrets } from './without-secrets.ts';

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];
export type Log = Logger;

export interface LogOptions {
  /** Default `info`. */
  readonly level?: LogLevel;
  /** The agent's id: in every line. */
  readonly agent: string;
  /** Default: stderr, written at once, so that the last line before the end is not lost. */
  readonly stream?: DestinationStream;
}

export function createLog({ level = 'info', agent, stream }: LogOptions): Log {
  return pino(
    {
      level,
      base: { agent },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => withoutSecrets(fields) as Record<string, unknown>,
      },
    },
    stream ?? destination({ fd: 2, sync: true }),
  );
}
