// A question to the person at the terminal. It goes to stderr, so that stdout has nothing but data.
import { createInterface } from 'node:readline/promises';

/** A signal ends the question as it ends the command. */
export function askAtTerminal(signal: AbortSignal): (question: string) => Promise<string> {
  return async (question) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    // On a terminal in raw mode Ctrl-C comes as a key, not as a signal.
    lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
    try {
      return await lines.question(question, { signal });
    } finally {
      lines.close();
    }
  };
}
