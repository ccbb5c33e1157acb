// Every property of the file is honoured, or said what becomes of it: nothing is ignored in silence. What is near a known
// name, or names a cluster that is not there, is a fault; what connect-mirror itself ignores is a warning.
import { quote } from '../describe.ts';
import { editDistance, nearestName } from '../did-you-mean.ts';
import { formerNames, namesOf, type PropertyKind, type PropertyRow, rowOf } from './properties-table.ts';
import { type Scope, scopeOf } from './scopes.ts';
import { arrow, isTakenAtTop } from './settings.ts';
import { clientRoles, type PropertiesFile, type Property, type Reporter } from './types.ts';

/** A property that does something else than in MirrorMaker 2, or nothing, as the table says. */
export interface Remark {
  readonly property: Property;
  readonly row: PropertyRow;
}

/** Tells faults and warnings about keys; gives the remarks, in the file's order. */
export function classify(file: PropertiesFile, aliases: readonly string[], report: Reporter): Remark[] {
  return [...file.byKey.values()].flatMap((property) => {
    const row = new Classifier(property, aliases, report).row(scopeOf(property.key, aliases));
    if (row === undefined || row.verdict === 'honoured' || isHarmless(row, property)) return [];
    if (row.verdict !== 'refused') return [{ property, row }];
    const [why, wayOut] = row.what.split('; ') as [string, string];
    report.keyFault(property, { found: `${quote(property.key)}, and ${why}`, expected: wayOut });
    return [];
  });
}

function isHarmless({ harmless }: PropertyRow, { value }: Property): boolean {
  const text = value.trim();
  return harmless?.some((each) => each === '*' || each.toLowerCase() === text.toLowerCase()) ?? false;
}

/** Where connect-mirror takes properties of each kind, as a person would write it. */
const rolePattern = new RegExp(`^(?:source\\.|target\\.)?(${clientRoles.join('|')})\\.(?:override\\.)?(.+)$`);

class Classifier {
  readonly #property: Property;
  readonly #aliases: readonly string[];
  readonly #report: Reporter;

  constructor(property: Property, aliases: readonly string[], report: Reporter) {
    this.#property = property;
    this.#aliases = aliases;
    this.#report = report;
  }

  /** The row that says what becomes of it; undefined where a fault or a warning was told. */
  row(scope: Scope): PropertyRow | undefined {
    switch (scope.kind) {
      case 'top':
        return this.#top(scope.name);
      case 'cluster':
        return this.#cluster(scope.alias, scope.name);
      case 'flow':
        return scope.source === scope.target ? this.#toItself(scope.source) : this.#flow(scope, scope.name);
      case 'unknownFlow':
        return this.#unknownFlow(scope);
    }
  }

  #top(name: string): PropertyRow | undefined {
    const row = rowOf(name, ['process', 'flow', 'security']);
    if (row !== undefined) return row;
    if (isTakenAtTop(name)) return rowOf(name, ['worker']);
    if (this.#former(name)) return undefined;
    const [cluster = 'A', other = 'B'] = this.#aliases;
    const inner = rolePattern.exec(name);
    if (inner !== null && rowOf(inner[2] as string, ['client', 'security']) !== undefined)
      return this.#ignored(`behind a cluster (${cluster}.${name}) or a flow`);
    if (rowOf(name, ['worker']) !== undefined)
      return this.#ignored(`behind the destination (${other}.${name})`);
    if (rowOf(name, ['client']) !== undefined)
      return this.#ignored(`behind a cluster and a kind of client (${cluster}.consumer.${name})`);
    return this.#unknown(name, ['process', 'flow', 'security'], '', this.#misspeltAlias(name));
  }

  #cluster(alias: string, name: string): PropertyRow | undefined {
    // `bootstrap.servers` stands at the top, too, so that it is of the process.
    if (name === 'bootstrap.servers') return rowOf(name, ['process']);
    const role = /^(admin|consumer|producer)\.(.+)$/.exec(name);
    const own = rowOf(name, ['security', 'worker']);
    if (own !== undefined && role === null) return own;
    if (role !== null) {
      const [, kind, inner] = role as unknown as [string, string, string];
      if (inner === 'bootstrap.servers') return rowOf(inner, ['process']);
      const row = rowOf(inner, ['client', 'security']) ?? own;
      return row ?? this.#unknown(inner, ['client', 'security'], `${alias}.${kind}.`);
    }
    if (this.#former(name)) return undefined;
    const flow = { source: alias, target: this.#aliases.find((other) => other !== alias) ?? 'B' };
    if (rowOf(name, ['flow', 'process']) !== undefined)
      return this.#ignored(`at the top (${name}) or behind a flow (${arrow(flow)}.${name})`);
    if (rowOf(name, ['client']) !== undefined)
      return this.#ignored(`behind a kind of client (${alias}.consumer.${name})`);
    return this.#unknown(name, ['security', 'worker'], `${alias}.`, undefined, ['bootstrap.servers']);
  }

  #flow(flow: { source: string; target: string }, name: string): PropertyRow | undefined {
    const row = rowOf(name, ['flow']);
    if (row !== undefined) return row;
    if (this.#former(name)) return undefined;
    const inner = rolePattern.exec(name)?.[2] ?? /^(?:source|target)\.cluster\.(.+)$/.exec(name)?.[1];
    const clientRow = inner === undefined ? undefined : rowOf(inner, ['client']);
    if (clientRow !== undefined) return clientRow;
    const isOfCluster =
      rowOf(inner ?? name, ['security']) !== undefined || (inner ?? name) === 'bootstrap.servers';
    if (isOfCluster) {
      this.#report.keyFault(this.#property, {
        found: `${quote(this.#property.key)}, how to reach a cluster for one flow alone`,
        expected: `it with the cluster, for all flows: ${flow.source}.${inner ?? name} or ${flow.target}.${inner ?? name}`,
      });
      return undefined;
    }
    if (rowOf(name, ['worker']) !== undefined)
      return this.#ignored(`behind the destination (${flow.target}.${name})`);
    if (rowOf(name, ['client', 'process']) !== undefined)
      return this.#ignored(`behind a cluster and a kind of client (${flow.source}.consumer.${name})`);
    return this.#unknown(name, ['flow'], `${arrow(flow)}.`);
  }

  #toItself(alias: string): undefined {
    this.#report.keyFault(this.#property, {
      found: `a flow from ${alias} to itself`,
      expected: 'two different clusters',
    });
  }

  #unknownFlow({ source, target, name }: Scope & { kind: 'unknownFlow' }): undefined {
    // Without clusters, which is a fault of its own, all of them are unknown.
    if (this.#aliases.length === 0) return;
    const unknown = [source, target].filter((alias) => !this.#aliases.includes(alias));
    if (unknown.length === 0 && name === '') {
      this.#report.keyFault(this.#property, {
        found: `${quote(this.#property.key)}, a flow without a property`,
        expected: `one, such as ${source}->${target}.enabled`,
      });
      return;
    }
    const [first] = unknown as [string];
    const found = first === '' ? 'an arrow without a cluster' : `the unknown cluster ${quote(first)}`;
    this.#report.keyFault(this.#property, {
      found: `${found} in a flow`,
      expected: `one of ${this.#aliases.join(', ')}`,
      suggestion: nearestName(first, this.#aliases),
    });
  }

  #former(name: string): boolean {
    if (!Object.hasOwn(formerNames, name)) return false;
    const now = formerNames[name] as string;
    this.#report.keyFault(this.#property, {
      found: `${quote(this.#property.key)}, which Kafka 4 does not know any more`,
      expected: now === '' ? 'the line taken out' : `${this.#property.key.slice(0, -name.length)}${now}`,
    });
    return true;
  }

  #ignored(where: string): undefined {
    this.#report.warn(
      this.#property,
      `${this.#property.key} is ignored, as in MirrorMaker 2, which takes it ${where}`,
    );
  }

  /** `us-eest.bootstrap.servers`: a known property behind what is nearly a cluster. */
  #misspeltAlias(name: string): string | undefined {
    const inner = /\.((?:admin\.|consumer\.|producer\.)?(?:bootstrap|ssl|sasl|security)\..+)$/.exec(name);
    if (inner === null) return undefined;
    const alias = nearestName(name.slice(0, inner.index), this.#aliases);
    return alias === undefined ? undefined : `${alias}.${inner[1]}`;
  }

  #unknown(
    name: string,
    kinds: readonly PropertyKind[],
    prefix: string,
    better?: string,
    more: readonly string[] = [],
  ): undefined {
    const near = better ?? nearBy(name, [...namesOf(kinds), ...more], prefix);
    const key = this.#property.key === '' ? 'a line without a key' : quote(this.#property.key);
    if (near === undefined) {
      this.#report.warn(
        this.#property,
        `${key} is no property of connect-mirror 4.3.1 and is ignored, as there`,
      );
      return;
    }
    this.#report.keyFault(this.#property, {
      found: `${key}, which connect-mirror does not know`,
      expected: 'a property of docs/mirrormaker.md',
      suggestion: near,
    });
  }
}

/** One edit in six characters: names share many words, and a property of somebody's own is no slip. */
function nearBy(name: string, known: readonly string[], prefix: string): string | undefined {
  const nearest = nearestName(name, known);
  if (nearest === undefined) return undefined;
  const editsMax = Math.max(1, Math.floor(name.length / 6));
  return editDistance(name.toLowerCase(), nearest.toLowerCase()) <= editsMax ? prefix + nearest : undefined;
}
