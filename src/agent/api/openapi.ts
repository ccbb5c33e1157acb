// The OpenAPI document of the API, made from the routes and their schemas. docs/openapi.json is its text; a test holds
// the two together.
import { z } from 'zod';
import * as answers from './answers.ts';
import { type Route, routes } from './routes.ts';

const schemas: Readonly<Record<Route['schema'], z.ZodType>> = { ...answers };

const json = (name: string, description: string) => ({
  description,
  content: { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } },
});

const text = (mediaType: string, description: string) => ({
  description,
  content: { [mediaType]: { schema: { type: 'string' } } },
});

/** The document, the same for every agent of this version. */
export function openApiDocument(): Record<string, unknown> {
  const paths: Record<string, unknown> = {
    '/healthz': get('Whether the process lives', 'getHealth', [], {
      200: json('Health', 'It does'),
      503: json('Health', 'Its event loop was blocked for long'),
    }),
    '/readyz': get('Whether the agent takes part in the fleet', 'getReadiness', [], {
      200: json('Readiness', 'It does'),
      503: json('Readiness', 'It does not, with the reason'),
    }),
    '/metrics': get(
      'Metrics for Prometheus',
      'getMetrics',
      [
        {
          name: 'per',
          in: 'query',
          required: false,
          description: 'One series per topic (the default) or per partition',
          schema: { type: 'string', enum: ['topic', 'partition'] },
        },
      ],
      { 200: text('text/plain; version=0.0.4', 'docs/metrics.md lists them') },
    ),
    '/openapi.json': get('This document', 'getOpenApi', [], { 200: text('application/json', 'OpenAPI 3.1') }),
  };
  for (const { path, summary, schema } of routes) {
    const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => {
      return { name, in: 'path', required: true, schema: { type: 'string' } };
    });
    paths[path] = get(summary, operationId(path), parameters, {
      200: json(String(schemas[schema].meta()?.id), summary),
      ...(parameters.length > 0 && { 404: json('Error', 'There is no such link or mirror') }),
      503: json('Error', 'The agent does not know its state yet'),
    });
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Lockstep agent',
      version: 'v1',
      description: 'What an agent knows of its fleet, its links and their mirrors. Reading only.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [],
    paths,
    components: { schemas: componentSchemas() },
  };
}

export function openApiText(): string {
  return `${JSON.stringify(openApiDocument(), null, 2)}\n`;
}

function get(
  summary: string,
  operationId: string,
  parameters: unknown[],
  responses: Record<string, unknown>,
) {
  return { get: { summary, operationId, ...(parameters.length > 0 && { parameters }), responses } };
}

/** `/v1/links/{link}/groups` is `getLinksLinkGroups`. */
function operationId(path: string): string {
  const words = path.split(/\W+/).filter((word) => word !== '' && word !== 'v1');
  return `get${words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('')}`;
}

function componentSchemas(): Record<string, unknown> {
  const registry = z.registry<{ id: string }>();
  for (const schema of Object.values(answers)) {
    const id = schema.meta()?.id;
    if (id !== undefined) registry.add(schema, { id });
  }
  const { schemas } = z.toJSONSchema(registry, { io: 'output', uri: (id) => `#/components/schemas/${id}` });
  const named = Object.entries(schemas).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(named.map(([name, { $schema, $id, id, ...schema }]) => [name, schema]));
}
