// The plain shape with compressed batches: bytes are copied as they are, so that a GB on the wire costs the same.
import type { Running } from '../contestants/contestant.ts';
import type { Shape, Wanted } from '../shape.ts';
import { shapeOnStage } from '../shape-on-stage.ts';
import type { Stage } from '../stage.ts';
import { logBytesFor, measureParts } from '../throughput.ts';
import { ratio, seen, wantedOfBrokers } from '../wanted.ts';
import { plainBytesPerSecond, plainWorkload } from './plain.ts';

/** Runs of the same thing differ by as much. */
const asPlainWithin = 1.1;
/** Of all bytes, which the page cache holds: the log without compression is read by Lockstep alone, and fast. */
const plainShare = 0.35;

const compressed = (codec: 'lz4' | 'zstd'): Shape => ({
  name: codec,
  title: `the plain shape in ${codec}; GB and MB/s are of compressed bytes, as on the wire`,
  run: (options) =>
    shapeOnStage(options, {}, async (stage: Stage) => {
      const bytes = logBytesFor(options.seconds, plainBytesPerSecond);
      const log = await stage.write('bench', {
        ...{ ...plainWorkload, compression: codec },
        bytes: bytes * (1 - plainShare),
      });
      const plain = await stage.write('plain', { ...plainWorkload, bytes: bytes * plainShare });
      const decompressed: number[] = [];
      const { rows, notes } = await measureParts(
        stage,
        [
          { log: plain, contestants: ['lockstep'], called: 'no compression' },
          {
            log,
            contestants: ['mm2-tuned', 'franz-go', 'lockstep'],
            ask: async (running, contestant) => {
              if (contestant.name === 'lockstep') decompressed.push(await decompressedBatches(running));
            },
          },
        ],
        options,
      );
      const gb = (each: { bytes: number }) => (each.bytes / 1e9).toFixed(2);
      return {
        rows,
        notes: [
          `${gb(log)} GB of log in ${codec}, ${(log.records / 1e6).toFixed(1)} million records of 1 KiB; ${gb(plain)} GB without compression`,
          ...notes,
        ],
        wanted: [
          {
            what: 'CPU per GB on the wire, of that without compression',
            measured: ratio(rows, 'cpuSecondsPerGb', { to: 'lockstep no compression' }),
            limit: asPlainWithin,
            is: 'atMost',
          },
          {
            what: "CPU per GB, of tuned MirrorMaker 2's",
            measured: ratio(rows, 'cpuSecondsPerGb', { to: 'mm2-tuned' }),
            limit: 1 / 15,
            is: 'atMost',
          },
          neverDecompressed(decompressed),
          { what: 'peak RSS, MB', measured: seen(rows, 'lockstep', 'peakRssMb'), limit: 120, is: 'atMost' },
          wantedOfBrokers(rows),
        ],
      };
    }),
});

export const lz4 = compressed('lz4');
export const zstd = compressed('zstd');

function neverDecompressed(counts: readonly number[]): Wanted {
  return {
    what: 'batches decompressed (lockstep_decompressed_batches_total)',
    measured: counts.length === 0 ? Number.NaN : Math.max(...counts),
    limit: 0,
    is: 'atMost',
  };
}

/** What the agent counts, asked while it works; NaN where it does not say. */
async function decompressedBatches({ metricsUrl }: Running): Promise<number> {
  if (metricsUrl === undefined) return Number.NaN;
  const text = await (await fetch(metricsUrl)).text();
  const [, value] = /^lockstep_decompressed_batches_total(?:\{\})? (\d+)/m.exec(text) ?? [];
  return value === undefined ? Number.NaN : Number(value);
}
