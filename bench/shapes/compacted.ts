// Compacted: 1 million live records among 10 million offsets. Whoever copies records alone has a tenth of the offsets to
// write; a mirror has to put something at every one of them.

import { writeCompactedLog } from '../compacted-log.ts';
import { logBytes } from '../regions.ts';
import type { ContestantRuns, Shape, Wanted } from '../shape.ts';
import { shapeOnStage } from '../shape-on-stage.ts';
import type { Log } from '../stage.ts';
import { measureParts } from '../throughput.ts';
import { ratio } from '../wanted.ts';

const topic = 'bench';
const whole = { partitions: 8, offsets: 10_000_000, keys: 1_000_000, valueBytes: 64 };
/** A run of fewer seconds than this has as much less to copy. */
const wholeSeconds = 30;
const copying = 'lockstep-copies';

export const compacted: Shape = {
  name: 'compacted',
  title:
    '1 million live records among 10 million offsets, 8 partitions, values of 64 B, cleaned by the broker',
  plot: ['finishSeconds', 'startToFinishSeconds', 'cpuMicrosecondsPerRecord'],
  run: (options) =>
    shapeOnStage(options, {}, async (stage) => {
      const share = Math.min(1, options.seconds / wholeSeconds);
      const size = { ...whole, offsets: whole.offsets * share, keys: whole.keys * share };
      options.say(`writing ${size.offsets} offsets of ${size.keys} keys, and waiting for the cleaner`);
      const { live, ends } = await writeCompactedLog(stage.source, topic, size);
      const bytes = await logBytes(stage.source, topic);
      const { partitions, valueBytes: recordBytes } = size;
      const log: Log = {
        ...{ topic, partitions, recordBytes, records: live, ends, bytes },
        ...{ batchBytes: 0, compression: 'none', markerEveryRecords: null },
      };
      const contestants = ['mm2-defaults', 'mm2-tuned', 'lockstep', copying];
      const { rows, notes } = await measureParts(stage, [{ log, contestants, toTheEnd: true }], options);
      return {
        rows,
        notes: [
          `${live.toLocaleString('en-US')} live records, ${(bytes / 1e6).toFixed(0)} MB of log; records/s are live ones until the last, over the time from the first to it`,
          ...notes,
        ],
        wanted: ['mm2-tuned', 'mm2-defaults'].flatMap((to) => [
          finishWanted(rows, { of: copying, to, figure: 'finishSeconds' }),
          finishWanted(rows, { of: copying, to, figure: 'startToFinishSeconds' }),
          finishWanted(rows, { of: 'lockstep', to, figure: 'finishSeconds' }),
        ]),
      };
    }),
};

function finishWanted(
  rows: readonly ContestantRuns[],
  { of, to, figure }: { of: string; to: string; figure: 'finishSeconds' | 'startToFinishSeconds' },
): Wanted {
  const span = figure === 'finishSeconds' ? 'first' : 'start';
  return {
    what: `time from ${span} to last record, ${of === copying ? 'compactionGaps: copies' : 'markers'}, of ${to}'s`,
    measured: ratio(rows, figure, { of, to }),
    limit: 1,
    is: 'atMost',
    ...(of !== copying && {
      note: 'each of the nine million other offsets takes a control batch of 78 bytes, and each stretch of them a request',
    }),
  };
}
