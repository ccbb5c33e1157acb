// Picks the lines of a Java log that say why a process ended. The last lines alone rarely do: after the cause a
// broker goes on logging its whole orderly shutdown.

const linesMax = 12;
/** Of the lines that name errors, the first ones are causes and the last ones consequences. */
const firstErrorsMax = 6;
const lineLengthMax = 500;

/** At most 12 lines: those naming errors where there are any, else the last ones. Stack frames never. */
export function explainFailure(log: string): string {
  const lines = log
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s+(at |\.\.\. \d+ more)/.test(line))
    .map((line) => (line.length > lineLengthMax ? `${line.slice(0, lineLengthMax)} ...` : line));
  const errors = lines.filter((line) =>
    /\b(ERROR|FATAL)\b|Exception\b|^Caused by|^Error:|OutOfMemory/.test(line),
  );
  if (errors.length === 0) return lines.slice(-linesMax).join('\n');
  if (errors.length <= linesMax) return errors.join('\n');
  return [...errors.slice(0, firstErrorsMax), '...', ...errors.slice(-(linesMax - firstErrorsMax - 1))].join(
    '\n',
  );
}
