// The project's own folder, where the downloaded jars live, found from this file's place.
// The sources run from src/regions and the build from dist/regions: the root is two levels up from both.
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
