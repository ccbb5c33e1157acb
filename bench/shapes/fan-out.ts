// Fan-out: one agent keeps three destinations. They cost three times one, and no more.
import type { Shape } from '../shape.ts';
import { shapeOnStage } from '../shape-on-stage.ts';
import { logBytesFor, measureParts } from '../throughput.ts';
import { ratio, wantedOfBrokers } from '../wanted.ts';
import { plainBytesPerSecond, plainWorkload } from './plain.ts';

const destinations = 3;
/** Three copies of it are written. */
const logBytesMax = 5e9;
/** Runs of the same thing differ by as much. */
const noWorseWithin = 1.1;

export const fanOut: Shape = {
  name: 'fan-out',
  title: 'the plain shape into one destination, and into three; GB and MB/s are of bytes delivered',
  run: (options) =>
    shapeOnStage(options, { destinations }, async (stage) => {
      const bytes = logBytesFor(options.seconds, plainBytesPerSecond, logBytesMax);
      const log = await stage.write('bench', { ...plainWorkload, bytes });
      const contestants = ['mm2-tuned', 'lockstep'];
      const { rows, notes } = await measureParts(
        stage,
        [
          { log, contestants, called: '1 destination' },
          { log, contestants, destinations, called: '3 destinations' },
        ],
        options,
      );
      return {
        rows,
        notes: [`${(log.bytes / 1e9).toFixed(2)} GB of log, delivered once and three times`, ...notes],
        wanted: [
          {
            what: 'CPU per GB delivered to three, of that to one',
            measured: ratio(rows, 'cpuSecondsPerGb', {
              ...{ of: 'lockstep 3 destinations', to: 'lockstep 1 destination' },
            }),
            limit: noWorseWithin,
            is: 'atMost',
          },
          {
            what: 'MB/s delivered to three, of that to one',
            measured: ratio(rows, 'megabytesPerSecond', {
              ...{ of: 'lockstep 3 destinations', to: 'lockstep 1 destination' },
            }),
            limit: 1 / noWorseWithin,
            is: 'atLeast',
          },
          wantedOfBrokers(rows, { of: 'lockstep 3 destinations', to: 'mm2-tuned 3 destinations' }),
        ],
      };
    }),
};
