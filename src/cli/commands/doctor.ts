// `lockstep doctor FILE [--probe]`: can every cluster be reached, with which version, rights and settings; what
// to do where not.
import { Command } from 'commander';
import { type ExitCode, exitCodes } from '../../errors.ts';
import type { DoctorReport } from '../doctor/index.ts';
import { loadFile } from '../load-file.ts';
import { formatJson } from '../output/json.ts';
import { ProgressLine } from '../output/progress.ts';
import type { CommandContext, Start } from '../program.ts';

interface DoctorOptions {
  readonly probe?: true;
  readonly json?: true;
}

export function doctorCommand(start: Start): Command {
  return new Command('doctor')
    .description('check versions, rights and settings of every cluster; --probe proves the append rules')
    .argument('<file>', 'lockstep.yaml, or mm2.properties')
    .option('--probe', 'try each append rule on a scratch topic of every destination, and remove it')
    .option('--json', 'print JSON')
    .action((file: string, options: DoctorOptions) =>
      start((context) => doctor(file, options, context), {
        stopMsMax: options.probe === true ? removeMsMax : 0,
      }),
    );
}

/** Time to remove the scratch topic of a probe that is interrupted, ms. */
const removeMsMax = 20_000;

const outcomeCodes = {
  fine: exitCodes.ok,
  notFine: exitCodes.no,
  unreachable: exitCodes.cluster,
} as const satisfies Record<DoctorReport['outcome'], ExitCode>;

async function doctor(file: string, options: DoctorOptions, context: CommandContext): Promise<ExitCode> {
  const { output, signal } = context;
  const topology = await loadFile(file, context);
  const { examine, formatDoctor } = await import('../doctor/index.ts');
  const line = new ProgressLine(output);
  try {
    const report = await examine({
      topology,
      probe: options.probe === true,
      signal,
      onProgress: ({ cluster, done, total, doing }) =>
        line.update({ label: `doctor ${cluster}`, done, total, detail: doing }),
    });
    line.end();
    output.data(options.json === true ? formatJson(report) : formatDoctor(report, output));
    return outcomeCodes[report.outcome];
  } finally {
    line.end();
  }
}
