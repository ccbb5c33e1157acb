// One cluster as an entry of `clusters:`: addresses, client id, and what security.ts makes of the rest.
import { quote } from '../describe.ts';
import type { Told } from './intervals.ts';
import { listOf } from './java-values.ts';
import { PartBuilder, textOf } from './part.ts';
import type { RawDocument } from './raw-document.ts';
import { clusterSecurity } from './security.ts';
import { clusterSettings } from './settings.ts';
import { type Around, type ClusterSettings, clientRoles, type Property, plainText } from './types.ts';

export function writeCluster(document: RawDocument, alias: string, told: Told, around: Around): void {
  const { file, report } = told;
  const settings = clusterSettings(file, alias);
  const at = ['clusters', alias];
  const bootstrap = sameForAll(settings, 'bootstrap.servers', told);
  const declared = file.byKey.get('clusters');
  if (declared !== undefined) document.originate(at, declared);
  if (bootstrap === undefined) {
    if (declared !== undefined)
      report.fault(declared, {
        found: `${quote(alias)} without an address`,
        expected: `${alias}.bootstrap.servers = host:9092`,
      });
    // Said already: the checks that follow shall not say it again.
    document.set([...at, 'bootstrap'], [`${alias}.invalid:9092`]);
  } else if (bootstrap.isReferenced === true) {
    // Looked up again whenever files are, and never shown.
    const name = `${alias}.bootstrap`;
    document.derived.set(name, (readFile) => {
      const text = textOf(bootstrap, readFile);
      return typeof text === 'string' ? addressesOf(text).join(',') : text;
    });
    document.set([...at, 'bootstrap'], [`\${derived:${name}}`], bootstrap);
  } else {
    const addresses = listOf(bootstrap, report).flatMap(addressesOf);
    document.set([...at, 'bootstrap'], addresses.map(plainText), bootstrap);
  }
  const clientId = sameForAll(settings, 'client.id', told);
  if (clientId !== undefined && clientId.value.trim() !== '') {
    const part = new PartBuilder(alias);
    part.putText(['clientId'], clientId, clientId.value.trim());
    document.merge(at, part.part);
  }
  document.merge(at, clusterSecurity(settings, around));
}

/** Kafka takes an address with the listener's protocol before it. */
function addressesOf(text: string): string[] {
  return text.split(',').map((address) => address.trim().replace(/^[A-Z_]+:\/\//, ''));
}

/** Lockstep talks to a cluster in one way: a fault where two roles are told different things. */
function sameForAll({ roles, alias }: ClusterSettings, name: string, { report }: Told): Property | undefined {
  const found = clientRoles.flatMap((role) => roles[role].get(name) ?? []);
  const [first] = found;
  const other = found.find(({ value }) => value.trim() !== first?.value.trim());
  if (first !== undefined && other !== undefined) {
    report.fault(other, {
      found: `another ${name} for ${alias} than on line ${first.line}`,
      expected: 'one for all clients of a cluster',
    });
  }
  return first;
}
