// One message as TypeScript: an interface per struct and the schema that the codec interprets.
import { camel, open, primitives, type Spec, type SpecField, versionsOf } from './specs.ts';

/** The TypeScript of one message: its interfaces and its schema. */
export function messageText(spec: Spec): string {
  const structs = new Map<string, SpecField[]>();
  for (const common of spec.commonStructs ?? []) structs.set(common.name, common.fields);
  collectStructs(spec.fields, structs);
  for (const common of spec.commonStructs ?? []) collectStructs(common.fields, structs);

  const interfaces = [...structs].map(([name, fields]) => interfaceText(name, fields));
  const [min, max] = versionsOf(spec.validVersions);
  const flexible = versionsOf(spec.flexibleVersions ?? 'none');
  const structConstants = orderedStructs(structs).map(
    (name) =>
      `const ${camel(name)}: StructSchema = {\n  name: '${name}',\n  versions: [0, ${open}],\n  fields: [\n${fieldLines(structs.get(name)!)}  ],\n};\n`,
  );
  const types = structConstants.length > 0 ? 'MessageSchema, StructSchema' : 'MessageSchema';
  return [
    `import type { ${types} } from '../schema.ts';\n`,
    interfaceText(spec.name, spec.fields),
    ...interfaces,
    ...structConstants,
    `export const ${spec.name}: MessageSchema<${spec.name}> = {\n  name: '${spec.name}',\n  versions: [${min}, ${max}],\n  flexible: [${flexible.join(', ')}],\n  fields: [\n${fieldLines(spec.fields)}  ],\n};\n`,
  ].join('\n');
}

function collectStructs(fields: SpecField[], structs: Map<string, SpecField[]>): void {
  for (const field of fields) {
    if (field.fields === undefined) continue;
    const name = elementType(field.type);
    if (structs.has(name)) throw new Error(`two structs are named ${name}`);
    structs.set(name, field.fields);
    collectStructs(field.fields, structs);
  }
}

/** Inner structs first, so that every constant stands before its use. */
function orderedStructs(structs: Map<string, SpecField[]>): string[] {
  const ordered: string[] = [];
  const visit = (name: string): void => {
    if (ordered.includes(name)) return;
    for (const field of structs.get(name)!) {
      const inner = elementType(field.type);
      if (structs.has(inner)) visit(inner);
    }
    ordered.push(name);
  };
  for (const name of structs.keys()) visit(name);
  return ordered;
}

function elementType(type: string): string {
  return type.startsWith('[]') ? type.slice(2) : type;
}

function interfaceText(name: string, fields: SpecField[]): string {
  const lines = fields.map((field) => `  ${camel(field.name)}: ${typescriptType(field)};\n`);
  return `export interface ${name} {\n${lines.join('')}}\n`;
}

function typescriptType(field: SpecField): string {
  const element = elementType(field.type);
  const base =
    element === 'bool'
      ? 'boolean'
      : element === 'int64'
        ? 'bigint'
        : element === 'string' || element === 'uuid'
          ? 'string'
          : element === 'bytes' || element === 'records'
            ? 'Buffer'
            : primitives.has(element)
              ? 'number'
              : element;
  const type = field.type.startsWith('[]') ? `${base}[]` : base;
  return field.nullableVersions === undefined ? type : `${type} | null`;
}

function fieldLines(fields: SpecField[]): string {
  return fields.map((field) => `    ${fieldText(field)},\n`).join('');
}

function fieldText(field: SpecField): string {
  const parts = [
    `name: '${camel(field.name)}'`,
    `type: ${typeText(field.type)}`,
    `versions: [${versionsOf(field.versions ?? '0+').join(', ')}]`,
  ];
  if (field.nullableVersions !== undefined)
    parts.push(`nullable: [${versionsOf(field.nullableVersions).join(', ')}]`);
  if (field.taggedVersions !== undefined) {
    parts.push(`tag: ${field.tag}`, `tagged: [${versionsOf(field.taggedVersions).join(', ')}]`);
  }
  if (field.flexibleVersions !== undefined)
    parts.push(`flexible: [${versionsOf(field.flexibleVersions).join(', ')}]`);
  parts.push(`default: ${defaultText(field)}`);
  if (field.ignorable) parts.push('ignorable: true');
  return `{ ${parts.join(', ')} }`;
}

function typeText(type: string): string {
  if (type.startsWith('[]')) return `{ kind: 'array', of: ${typeText(type.slice(2))} }`;
  return primitives.has(type) ? `{ kind: '${type}' }` : `{ kind: 'struct', struct: ${camel(type)} }`;
}

/** FieldSpec's defaults: what the spec says, else zero, false or empty; records start as null. */
function defaultText(field: SpecField): string {
  const given = field.default === undefined ? '' : String(field.default);
  if (given === 'null') return 'null';
  if (field.type.startsWith('[]')) return '{ empty: true }';
  switch (field.type) {
    case 'bool':
      return given === 'true' ? 'true' : 'false';
    case 'int64':
      return given === '' ? '0n' : `${BigInt(given)}n`;
    case 'string':
      return given === '' ? '{ empty: true }' : JSON.stringify(given);
    case 'records':
      return field.nullableVersions === undefined ? '{ empty: true }' : 'null';
    case 'uuid':
    case 'bytes':
      return '{ empty: true }';
    default:
      return primitives.has(field.type) ? (given === '' ? '0' : String(Number(given))) : '{ empty: true }';
  }
}
