// `lockstep rules apply FILE`: the explicit word that changes where data may be.
//
// Agents that start with a file never change rules that stand; a person does, and sees the difference first.
import { Command } from 'commander';
import { type ExitCode, exitCodes, LockstepError } from '../../errors.ts';
import { carryOut } from '../fleet/carry-out.ts';
import { confirmed } from '../fleet/confirm.ts';
import { connectFleet } from '../fleet/fleet.ts';
import { loadFile } from '../load-file.ts';
import type { CommandContext, Start } from '../program.ts';

interface ApplyOptions {
  readonly cluster?: string;
  readonly dryRun?: true;
  readonly yes?: true;
}

const stopMsMax = 2_000;

export function rulesCommand(start: Start): Command {
  return new Command('rules').description('where data must not be copied (docs/residency.md)').addCommand(
    new Command('apply')
      .description("make the labels and rules of a file those of its destinations' fleets")
      .argument('<file>', 'lockstep.yaml; one without rules ends those that stand')
      .option('--cluster <name>', 'only at this destination; default: at all of the file')
      .option('--dry-run', 'only show what would change')
      .option('--yes', 'do not ask')
      .action((file: string, options: ApplyOptions) =>
        start((context) => apply(file, options, context), { stopMsMax }),
      ),
  );
}

async function apply(file: string, options: ApplyOptions, context: CommandContext): Promise<ExitCode> {
  const topology = await loadFile(file, context);
  const { rulesDeclarationOf } = await import('../../agent/declarations.ts');
  const destinations = [...new Set(Object.values(topology.links).map(({ destination }) => destination))];
  const chosen = options.cluster === undefined ? destinations : [options.cluster];
  for (const name of chosen)
    if (!destinations.includes(name))
      throw new LockstepError(
        'USAGE',
        `${file}: no link goes to ${name}; its destinations are ${destinations.join(', ')}`,
      );
  const residency = topology.residency ?? { clusterLabels: {}, topicLabels: [], rules: [] };
  const names = residency.rules.map(({ name }) => name).join(', ');
  const what =
    names === ''
      ? 'every rule ends, and topics that were Forbidden are copied'
      : `the rules are ${names}, and no others`;
  const isSure =
    options.dryRun === true ||
    (await confirmed(context, {
      ...(options.yes && { yes: true }),
      what: 'change the rules',
      consequences: chosen.map((name) => `${name}: ${what}`),
    }));
  if (!isSure) return exitCodes.no;
  const connect = context.connectFleet ?? connectFleet;
  for (const name of chosen) {
    const { rules } = rulesDeclarationOf({ ...topology, residency }, name);
    const fleet = await connect(topology.clusters[name]!, (text) =>
      context.output.message(`lockstep: warning: ${text}`),
    );
    try {
      context.output.message(`lockstep: ${name}:`);
      const body = { do: 'declareRules', rules: rules!, isChange: true } as const;
      await carryOut(fleet, body, context, options.dryRun === true ? { dryRun: true } : {});
    } finally {
      await fleet.close();
    }
  }
  return exitCodes.ok;
}
