// Writes the tables of docs/mirrormaker.md from src/topology/mm2/properties-table.ts:
// node scripts/start.mjs scripts/generate-mirrormaker-table.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { propertiesTableText } from '../src/topology/mm2/properties-table-text.ts';

const file = new URL('../docs/mirrormaker.md', import.meta.url);
const begin = '<!-- properties: scripts/generate-mirrormaker-table.ts -->\n';
const end = '<!-- end of properties -->';
const text = readFileSync(file, 'utf8');
const from = text.indexOf(begin);
const to = text.indexOf(end);
if (from < 0 || to < from) throw new Error(`docs/mirrormaker.md lacks ${begin.trim()} and ${end}`);
writeFileSync(file, `${text.slice(0, from + begin.length)}\n${propertiesTableText()}\n${text.slice(to)}`);
