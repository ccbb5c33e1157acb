// npm leaves optional packages out where it has no binary for a platform, or is told to (--omit=optional): batches are then
// read and written all the same.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { crc32c, crc32cInJavaScript } from './crc32c.ts';

const withoutBinaries = `
import { registerHooks } from 'node:module';
const binaries = ['@node-rs/crc32-', '@antoniomuso/lz4-napi-'];
registerHooks({ resolve(name, context, next) {
  if (binaries.some((start) => name.startsWith(start))) throw new Error(name + ' is not installed');
  return next(name, context);
} });`;

const program = `
const { BatchView, encodeBatch, lz4LibraryInUse, readRecords, verifyChecksum } = await import(process.argv[1]);
const record = { offset: 0n, timestamp: 1n, key: null, value: Buffer.alloc(100_000, 'ab'), headers: [] };
for (const compression of ['none', 'lz4']) {
  const view = new BatchView(encodeBatch([record], { compression }), 0);
  const [read] = readRecords(view);
  console.log(compression, verifyChecksum(view), read.value.length, lz4LibraryInUse());
}`;

it('batches are written and read without any native library', () => {
  const hook = `data:text/javascript,${encodeURIComponent(withoutBinaries)}`;
  const index = path.join(import.meta.dirname, 'index.ts');
  const args = ['--import', hook, '--input-type=module', '-e', program, index];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect({ stdout, stderr }).toEqual({
    stdout: 'none true 100000 null\nlz4 true 100000 wasm\n',
    stderr: '',
  });
});

/** The packages go while it runs, as in an upgrade. */
const upgraded = `
const { BatchView, encodeBatch, loadCodecs, lz4LibraryInUse } = await import(process.argv[1]);
const { registerHooks } = await import('node:module');
loadCodecs();
registerHooks({ resolve(name) { throw new Error(name + ' is gone'); } });
const record = { offset: 0n, timestamp: 1n, key: null, value: Buffer.alloc(100_000, 'ab'), headers: [] };
for (const compression of ['snappy', 'lz4']) encodeBatch([record], { compression });
console.log(lz4LibraryInUse());`;

it('what was loaded at the start is used when the packages are gone', () => {
  const args = ['--input-type=module', '-e', upgraded, path.join(import.meta.dirname, 'index.ts')];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect({ stdout, stderr }).toEqual({ stdout: 'native\n', stderr: '' });
});

it('the checksum in JavaScript is the native one', () => {
  expect(crc32cInJavaScript(Buffer.from('123456789'))).toBe(0xe3069283);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
      expect(crc32cInJavaScript(bytes)).toBe(crc32c(Buffer.from(bytes)));
    }),
  );
});
