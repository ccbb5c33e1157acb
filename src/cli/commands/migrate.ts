// `lockstep migrate FILE`: takes over what MirrorMaker 2 has copied, or gives it back.
import { Command } from 'commander';
import type { Start } from '../program.ts';

export interface MigrateOptions {
  readonly link?: string;
  readonly topics?: readonly string[];
  readonly groups?: true;
  readonly back?: true;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
  readonly offsetsTopic?: string;
  readonly connectGroup?: string;
}

/** A command that is interrupted leaves its clusters first, ms. */
const stopMsMax = 2_000;

export function migrateCommand(start: Start): Command {
  return new Command('migrate')
    .description('take over what MirrorMaker 2 has copied, exactly where it stopped; --back gives it back')
    .argument('<file>', 'mm2.properties or lockstep.yaml')
    .option('--link <link>', 'only this link')
    .option('--topics <topics>', 'these topics only, by their names at the source: a,b', (text) =>
      text.split(',').filter((name) => name !== ''),
    )
    .option(
      '--groups',
      'move positions of groups although the link does not (sync.group.offsets.enabled=false)',
    )
    .option('--back', 'write down for MirrorMaker 2 how far Lockstep has copied')
    .option('--dry-run', 'print what it would do, and change nothing')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .option(
      '--offsets-topic <topic>',
      'where Connect keeps offsets (offset.storage.topic); default mm2-offsets.SOURCE.internal',
    )
    .option('--connect-group <group>', 'the group of MirrorMaker 2’s workers; default SOURCE-mm2')
    .action((file: string, options: MigrateOptions) =>
      start(async (context) => (await import('../migrate/migrate.ts')).migrate(file, options, context), {
        stopMsMax,
      }),
    );
}
