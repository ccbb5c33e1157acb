// Turns what zod finds wrong with the file's shape into problems with positions and suggestions.
import { z } from 'zod';
import { describeValue } from './describe.ts';
import { nearestName } from './did-you-mean.ts';
import { formatPath, type Path, type Problems } from './problems.ts';
import { fileSchema, nameExpected, saslMechanisms } from './schema.ts';

type Issue = z.core.$ZodIssue;

/** Adds a problem for each place where the data does not have the shape of lockstep.yaml. */
export function checkShape(data: unknown, problems: Problems, schema: z.ZodType = fileSchema): void {
  const result = schema.safeParse(data);
  if (result.success) return;
  const issues = result.error.issues.flatMap((issue) => flatten(issue, data, []));
  const mistyped = new Set<string>();
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys') reportUnknownKeys(issue, data, schema, problems, mistyped);
  }
  for (const issue of issues) {
    if (issue.code !== 'unrecognized_keys') reportIssue(issue, data, problems, mistyped);
  }
}

/** A union's issue becomes those of the member that the data was meant to be. */
function flatten(issue: Issue, data: unknown, parent: Path): Issue[] {
  const path = [...parent, ...(issue.path as Path)];
  if (issue.code === 'invalid_union' && isMapping(valueAt(data, path))) {
    const meant = issue.errors.find(
      (errors) => !errors.some((e) => e.code === 'invalid_type' && e.path.length === 0),
    );
    if (meant !== undefined) return meant.flatMap((inner) => flatten(inner, data, path));
  }
  return [{ ...issue, path: [...path] } as Issue];
}

function reportUnknownKeys(
  issue: Issue & { code: 'unrecognized_keys' },
  data: unknown,
  schema: z.ZodType,
  problems: Problems,
  mistyped: Set<string>,
): void {
  const path = issue.path as Path;
  const known = keysAt(schema, path, data);
  const present = Object.keys(valueAt(data, path) as object);
  for (const key of issue.keys) {
    const candidates = known.filter((name) => !present.includes(name));
    const suggestion = nearestName(key, candidates);
    if (suggestion !== undefined) mistyped.add(JSON.stringify([...path, suggestion]));
    problems.addAtKey([...path, key], {
      found: `the unknown key ${key.slice(0, 100)}`,
      expected: `one of ${known.join(', ')}`,
      suggestion,
    });
  }
}

function reportIssue(issue: Issue, data: unknown, problems: Problems, mistyped: ReadonlySet<string>): void {
  const path = issue.path as Path;
  if (issue.code === 'invalid_key') {
    problems.addAtKey(path, { found: describeValue(path.at(-1), []), expected: nameExpected });
    return;
  }
  const value = valueAt(data, path);
  if (issue.code === 'invalid_union' && path.at(-1) === 'mechanism') {
    reportMechanism(path.slice(0, -1), valueAt(data, path.slice(0, -1)) as object, problems, mistyped);
    return;
  }
  const key = path.at(-1);
  if (value === undefined && typeof key === 'string') {
    if (mistyped.has(JSON.stringify(path))) return;
    const expected = issue.message;
    problems.addAtKey(path.slice(0, -1), {
      found: `no ${key}${within(path)}`,
      expected: `${key}: ${expected}`,
    });
    return;
  }
  const words = issue.code === 'invalid_value' ? issue.values.map(String) : [];
  const suggestion = typeof value === 'string' ? nearestName(value, words) : undefined;
  problems.add(path, { found: describeValue(value, path), expected: issue.message, suggestion });
}

/** `sasl` is told apart by its mechanism, so a missing or unknown one is the only thing to say about it. */
function reportMechanism(path: Path, value: object, problems: Problems, mistyped: ReadonlySet<string>): void {
  const expected = `one of ${saslMechanisms.join(', ')}`;
  const mechanism: unknown = Object.hasOwn(value, 'mechanism')
    ? (value as { mechanism: unknown }).mechanism
    : undefined;
  if (mechanism === undefined) {
    if (mistyped.has(JSON.stringify([...path, 'mechanism']))) return;
    const key = Object.keys(value).find((name) => nearestName(name, ['mechanism']) !== undefined);
    if (key === undefined)
      problems.addAtKey(path, { found: `no mechanism${within([...path, ''])}`, expected });
    else
      problems.addAtKey([...path, key], {
        found: `the unknown key ${key}`,
        expected: 'mechanism',
        suggestion: 'mechanism',
      });
    return;
  }
  const suggestion = typeof mechanism === 'string' ? nearestName(mechanism, saslMechanisms) : undefined;
  problems.add([...path, 'mechanism'], { found: describeValue(mechanism, []), expected, suggestion });
}

/** ` in clusters.us-east` for a path below the top. */
function within(path: Path): string {
  return path.length < 2 ? '' : ` in ${formatPath(path.slice(0, -1))}`;
}

/** The keys that a mapping at this path may have. */
function keysAt(schema: z.core.$ZodType, path: Path, data: unknown): string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return keysAt(schema.unwrap() as z.core.$ZodType, path, data);
  }
  if (schema instanceof z.ZodDiscriminatedUnion) {
    const mechanism = isMapping(data) ? (data as { mechanism?: unknown }).mechanism : undefined;
    const member = schema.options.find((option) => mechanismMatches(option as z.core.$ZodType, mechanism));
    return member === undefined ? [] : keysAt(member as z.core.$ZodType, path, data);
  }
  if (schema instanceof z.ZodUnion) {
    return schema.options.flatMap((option) => keysAt(option as z.core.$ZodType, path, data));
  }
  const [step, ...rest] = path;
  if (schema instanceof z.ZodObject) {
    if (step === undefined) return Object.keys(schema.shape);
    const next = schema.shape[step] as z.core.$ZodType | undefined;
    return next === undefined ? [] : keysAt(next, rest, valueAt(data, [step]));
  }
  if (schema instanceof z.ZodArray && step !== undefined) {
    return keysAt(schema.element as z.core.$ZodType, rest, valueAt(data, [step]));
  }
  if (schema instanceof z.ZodRecord && step !== undefined) {
    return keysAt(schema.valueType as z.core.$ZodType, rest, valueAt(data, [step]));
  }
  return [];
}

function mechanismMatches(option: z.core.$ZodType, mechanism: unknown): boolean {
  return option instanceof z.ZodObject && (option.shape.mechanism as z.ZodType).safeParse(mechanism).success;
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path of plain data; undefined where there is none. */
export function valueAt(data: unknown, path: Path): unknown {
  let value = data;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
