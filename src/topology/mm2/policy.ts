// How a flow names remote topics: connect-mirror's two replication policies.
import { nearestName } from '../did-you-mean.ts';
import type { Told } from './intervals.ts';
import { booleanOf, shown } from './java-values.ts';
import { type Flow, flowProperty } from './settings.ts';

export interface Policy {
  readonly kind: 'default' | 'identity';
  readonly separator: string;
  readonly isInternalSeparated: boolean;
}

const own = 'org.apache.kafka.connect.mirror.';
const known: Readonly<Record<string, Policy['kind']>> = {
  [`${own}DefaultReplicationPolicy`]: 'default',
  [`${own}IdentityReplicationPolicy`]: 'identity',
  // Strimzi's, from before Kafka 3.0 had one.
  'io.strimzi.kafka.connect.mirror.IdentityReplicationPolicy': 'identity',
};

export function policyOf(flow: Flow, told: Told): Policy {
  const { file, report } = told;
  const classProperty = flowProperty(file, flow, 'replication.policy.class');
  const name = classProperty?.value.trim() ?? `${own}DefaultReplicationPolicy`;
  const kind = Object.hasOwn(known, name) ? known[name] : undefined;
  if (classProperty !== undefined && kind === undefined) {
    const names = Object.keys(known).slice(0, 2);
    report.fault(classProperty, {
      found: shown(classProperty),
      expected: `${names.join(' or ')}; with names of your own, declare links with a prefix in a lockstep.yaml`,
      suggestion: names.find((each) => each.endsWith(`.${name}`)) ?? nearestName(name, names),
    });
  }
  const separatorProperty = flowProperty(file, flow, 'replication.policy.separator');
  const separator = separatorProperty?.value ?? '.';
  const isFit = /^[A-Za-z0-9._-]{1,100}$/.test(separator);
  if (!isFit && separatorProperty !== undefined) {
    report.fault(separatorProperty, {
      found: shown(separatorProperty),
      expected:
        "characters that a topic's name may have (letters, digits, '.', '_', '-'), and no blanks behind",
    });
  }
  const internal = flowProperty(file, flow, 'replication.policy.internal.topic.separator.enabled');
  return {
    kind: kind ?? 'default',
    separator: isFit ? separator : '.',
    // DefaultReplicationPolicy reads the flag only where a separator is set.
    isInternalSeparated: (internal && booleanOf(internal, report)) ?? true,
  };
}
