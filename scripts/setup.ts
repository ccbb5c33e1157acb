// What every program of ours needs before real Kafka can run: Java, and the jars of the wanted versions.
// Run alone (node scripts/setup.ts) it prepares every version that the tests use.
import { pathToFileURL } from 'node:url';
import { LockstepError } from '../src/errors.ts';
import { installKafka, type OnProgress } from '../src/regions/index.ts';

/** Versions that are tested as source and as destination, each with each. */
export const testedKafkaVersions = ['4.3.1', '4.0.2', '3.9.2'] as const;
/** Versions that are tested as a source only; docs/versions.md says why these. */
export const testedSourceVersions = ['2.8.2', '2.7.2'] as const;

/** Installs what is missing, showing progress on stderr. Throws TOOL_MISSING or DOWNLOAD_FAILED. */
export async function setUp(
  versions: readonly string[] = [...testedKafkaVersions, ...testedSourceVersions],
): Promise<void> {
  const onProgress = progressPrinter();
  for (const version of versions) await installKafka({ version, onProgress });
}

/** A bar that redraws itself on a terminal; elsewhere a line for each message and each quarter of a count. */
export function progressPrinter(stream: NodeJS.WriteStream = process.stderr): OnProgress {
  let barIsOpen = false;
  let lastQuarter = 0;
  return ({ step, message, doneCount, totalCount }) => {
    if (doneCount === undefined || totalCount === undefined) {
      stream.write(`${barIsOpen ? '\r\u001b[K' : ''}lockstep: ${step}: ${message}\n`);
      barIsOpen = false;
      lastQuarter = 0;
      return;
    }
    if (stream.isTTY) {
      const width = 24;
      const filled = Math.round((width * doneCount) / totalCount);
      const bar = '#'.repeat(filled) + '.'.repeat(width - filled);
      stream.write(`\r\u001b[Klockstep: ${step}: [${bar}] ${doneCount} of about ${totalCount}`);
      barIsOpen = true;
      return;
    }
    const quarter = Math.floor((4 * doneCount) / totalCount);
    if (quarter > lastQuarter) stream.write(`lockstep: ${step}: ${doneCount} of about ${totalCount} jars\n`);
    lastQuarter = quarter;
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    await setUp();
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    console.error(`lockstep: ${error.message}`);
    process.exitCode = error.exitCode;
  }
}
