// Writes docs/lockstep.schema.json from the shape in src/topology/schema.ts:
// node scripts/start.mjs scripts/generate-schema.ts
import { writeFileSync } from 'node:fs';
import { jsonSchemaText } from '../src/topology/json-schema.ts';

writeFileSync(new URL('../docs/lockstep.schema.json', import.meta.url), jsonSchemaText());
