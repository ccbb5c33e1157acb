// The JSON Schema of lockstep.yaml, for completion and checks in editors. docs/lockstep.schema.json is written
// from here by scripts/generate-schema.ts; a test fails when it is stale.
import { z } from 'zod';
import { fileSchema } from './schema.ts';

/** The schema as the text of a file. */
export function jsonSchemaText(): string {
  const schema = z.toJSONSchema(fileSchema, { io: 'input', target: 'draft-07' });
  return `${JSON.stringify({ title: 'lockstep.yaml', ...schema }, null, 2)}\n`;
}
