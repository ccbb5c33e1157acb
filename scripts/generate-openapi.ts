// Writes docs/openapi.json from the schemas in src/agent/api/answers.ts:
// node scripts/start.mjs scripts/generate-openapi.ts
import { writeFileSync } from 'node:fs';
import { openApiText } from '../src/agent/api/openapi.ts';

writeFileSync(new URL('../docs/openapi.json', import.meta.url), openApiText());
