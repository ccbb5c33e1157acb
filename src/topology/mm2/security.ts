// How clients log in to one cluster, and whom they trust: security.protocol, ssl.*, sasl.* as `tls:` and `sasl:` of a
// lockstep.yaml.
//
// connect-mirror has three clients for a cluster (admin, consumer, producer), which may log in differently. Lockstep logs in
// once, as the admin client does: in every file that MirrorMaker 2 runs with that login works. Where another role has
// something else, that is told.
import { nearestName } from '../did-you-mean.ts';
import { putLogin } from './login.ts';
import { PartBuilder } from './part.ts';
import { putKeyStore, putTrustStore } from './stores.ts';
import type { Around, ClusterSettings, Property, RawPart, Settings } from './types.ts';

const protocols = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const;

/** `tls` and `sasl` of the cluster; where something is wrong, faults are told and the part is not complete. */
export function clusterSecurity({ alias, roles }: ClusterSettings, around: Around): RawPart {
  const part = new PartBuilder(alias);
  const settings = roles.admin;
  for (const role of ['consumer', 'producer'] as const)
    warnOfDifference({ alias, role }, roles[role], settings, around);
  const protocol = settings.get('security.protocol');
  const name = protocol?.value.trim().toUpperCase() || 'PLAINTEXT';
  if (!(protocols as readonly string[]).includes(name)) {
    around.reporter.fault(protocol!, {
      found: protocol!.isReferenced
        ? 'an unknown security.protocol'
        : JSON.stringify(protocol!.value.slice(0, 60)),
      expected: `one of ${protocols.join(', ')}`,
      suggestion: nearestName(name, protocols),
    });
    return part.part;
  }
  warnOfUnused({ alias, settings }, name, around);
  if (name.endsWith('SSL')) putTls(settings, protocol!, part, around);
  if (name.startsWith('SASL')) putLogin(settings, protocol!, part, around);
  return part.part;
}

function putTls(settings: Settings, protocol: Property, part: PartBuilder, around: Around): void {
  part.put(['tls'], {}, protocol);
  putTrustStore(settings, ['tls'], part, around);
  putKeyStore(settings, ['tls'], part, around);
  putNameCheck(settings, part, around);
  putVersions(settings, part, around);
}

function putNameCheck(settings: Settings, part: PartBuilder, { reporter }: Around): void {
  const property = settings.get('ssl.endpoint.identification.algorithm');
  const algorithm = property?.value.trim().toLowerCase();
  if (property === undefined || algorithm === 'https') return;
  if (algorithm !== '') {
    reporter.fault(property, {
      found: 'another algorithm',
      expected: 'https, or nothing for no check of the name',
    });
    return;
  }
  part.put(['tls', 'verifyHostname'], false, property);
}

const newerVersions = ['TLSv1.2', 'TLSv1.3'] as const;

function putVersions(settings: Settings, part: PartBuilder, { reporter }: Around): void {
  const property = settings.get('ssl.enabled.protocols');
  const given = (property?.value ?? '').split(',').map((item) => item.trim());
  if (property === undefined || given.every((item) => item === '')) return;
  const enabled = newerVersions.filter((version) => given.includes(version));
  const others = given.filter((item) => item !== '' && !(newerVersions as readonly string[]).includes(item));
  if (enabled.length === 0) {
    reporter.fault(property, {
      found: 'no version of TLS that is safe today',
      expected: newerVersions.join(','),
    });
    return;
  }
  if (others.length > 0) {
    reporter.warn(property, `only ${enabled.join(' and ')} is offered; what else is enabled is not`);
  }
  if (enabled.length === 1) {
    part.put(['tls', 'minVersion'], enabled[0], property);
    part.put(['tls', 'maxVersion'], enabled[0], property);
  }
}

function isSecurity(key: string): boolean {
  return /^(security|ssl|sasl)\./.test(key);
}

/** Says where another client of the cluster logs in differently. */
function warnOfDifference(
  { alias, role }: { alias: string; role: string },
  settings: Settings,
  admin: Settings,
  { reporter }: Around,
): void {
  const keys = [...new Set([...settings.keys(), ...admin.keys()])].filter(isSecurity);
  for (const key of keys) {
    const [own, other] = [admin.get(key), settings.get(key)];
    if (own?.value === other?.value) continue;
    const where = other ?? own;
    const what = other === undefined ? `no ${key}` : `another ${key}`;
    reporter.warn(
      where!,
      `the ${role} of ${alias} has ${what} than its admin client: Lockstep logs in once, as the admin client does, and that user ` +
        'needs all rights of docs/security.md (lockstep doctor FILE compares them)',
    );
  }
}

/** Says which settings belong to another protocol. */
function warnOfUnused(
  { alias, settings }: { alias: string; settings: Settings },
  protocol: string,
  { reporter }: Around,
): void {
  const unused = [
    ...(protocol.endsWith('SSL') ? [] : [/^ssl\.(truststore|keystore|key|endpoint|enabled|cipher|engine)\./]),
    ...(protocol.startsWith('SASL') ? [] : [/^sasl\.(jaas|mechanism|login|client|oauthbearer)/]),
  ];
  for (const [key, property] of settings) {
    if (property.value === '' || !unused.some((pattern) => pattern.test(key))) continue;
    reporter.warn(property, `${key} is not used for ${alias}, whose security.protocol is ${protocol}`);
  }
}
