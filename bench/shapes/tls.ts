// The plain shape with TLS on both sides: what is left of the gain when both have to encrypt.
import type { Shape } from '../shape.ts';
import { shapeOnStage } from '../shape-on-stage.ts';
import { logBytesFor, measureParts } from '../throughput.ts';
import { ratio, wantedOfBrokers } from '../wanted.ts';
import { plainWorkload } from './plain.ts';

/** Brokers that encrypt are slower. */
const bytesPerSecondMax = 250e6;

export const tls: Shape = {
  name: 'tls',
  title: 'the plain shape with TLS on both sides',
  run: (options) =>
    shapeOnStage(options, { tls: true }, async (stage) => {
      const bytes = logBytesFor(options.seconds, bytesPerSecondMax);
      const log = await stage.write('bench', { ...plainWorkload, bytes });
      const contestants = ['mm2-tuned', 'franz-go', 'lockstep'];
      const { rows, notes } = await measureParts(stage, [{ log, contestants }], options);
      return {
        rows,
        notes: [`${(log.bytes / 1e9).toFixed(2)} GB of log`, ...notes],
        wanted: [
          {
            what: "CPU per GB, of tuned MirrorMaker 2's with TLS",
            measured: ratio(rows, 'cpuSecondsPerGb', { to: 'mm2-tuned' }),
            limit: 1 / 6,
            is: 'atMost',
          },
          wantedOfBrokers(rows),
        ],
      };
    }),
};
