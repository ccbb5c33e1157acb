// The lists: which request and response make up an API, and which messages there are.
import { kebab, type Spec, versionsOf } from './specs.ts';

/** apis.ts: request and response of each API under one name. */
export function apisText(specs: Spec[]): string {
  const pairs = specs
    .filter((spec) => spec.type === 'request')
    .map((request) => ({
      request,
      response: specs.find((spec) => spec.type === 'response' && spec.apiKey === request.apiKey),
    }))
    .filter((pair): pair is { request: Spec; response: Spec } => pair.response !== undefined)
    .sort((a, b) => a.request.apiKey! - b.request.apiKey!);
  const imports = pairs
    .flatMap(({ request, response }) => [request.name, response.name])
    .sort()
    .map((name) => `import { ${name} } from './${kebab(name)}.ts';\n`);
  const rows = pairs.map(({ request, response }) => {
    const name = request.name.replace(/Request$/, '');
    const [min, max] = versionsOf(request.validVersions);
    return `  ${name}: api(${request.apiKey}, '${name}', ${request.name}, ${response.name}, ${min}, ${max}, ${request.latestVersionUnstable === true}),\n`;
  });
  return [
    `import type { Api, MessageSchema } from '../schema.ts';\n${imports.join('')}`,
    `function api<Req, Res>(
  key: number,
  name: string,
  request: MessageSchema<Req>,
  response: MessageSchema<Res>,
  min: number,
  max: number,
  latestVersionUnstable: boolean,
): Api<Req, Res> {
  return { key, name, request, response, versions: { min, max }, latestVersionUnstable };
}
`,
    `export const apis = {\n${rows.join('')}} as const;\n`,
    `export const apisByKey: ReadonlyMap<number, Api<unknown, unknown>> = new Map(
  Object.values(apis).map((entry) => [entry.key, entry as Api<unknown, unknown>]),
);
`,
  ].join('\n');
}

/** index.ts: every message by name. */
export function indexText(specs: Spec[]): string {
  return specs.map(({ name }) => `export { ${name} } from './${kebab(name)}.ts';\n`).join('');
}
