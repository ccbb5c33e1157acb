// Properties that are right each by itself and make no sense together.
import { quote } from '../describe.ts';
import type { Told } from './intervals.ts';
import { arrow, type Flow, flowProperty } from './settings.ts';

/** What only means something while offset syncs are emitted. */
const offsetSyncSettings = [
  'offset-syncs.topic.location',
  'offset-syncs.topic.replication.factor',
  'offset.lag.max',
] as const;

/** Faults of one flow, each at the property that stands against another. */
export function checkContradictions(flow: Flow, { file, report }: Told): void {
  const emitting = flowProperty(file, flow, 'emit.offset-syncs.enabled');
  const isOff = emitting?.value.trim().toLowerCase() === 'false';
  if (emitting === undefined || !isOff) return;
  for (const name of offsetSyncSettings) {
    const property = flowProperty(file, flow, name);
    if (property === undefined) continue;
    report.keyFault(property, {
      found: `${quote(property.key)} beside ${emitting.key}=false on line ${emitting.line}`,
      expected: 'one of the two taken out',
    });
  }
  for (const name of ['emit.checkpoints.enabled', 'sync.group.offsets.enabled']) {
    const property = flowProperty(file, flow, name);
    if (property === undefined || property.value.trim().toLowerCase() !== 'true') continue;
    report.keyFault(property, {
      found: `${quote(property.key)} beside ${emitting.key}=false on line ${emitting.line}, which MirrorMaker 2 refuses for ${arrow(flow)}`,
      expected: `${emitting.key} taken out`,
    });
  }
}
