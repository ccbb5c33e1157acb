import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { snappyCompress } from '@platformatic/wasm-utils';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compressions } from '../layout.ts';
import { compress, decompress } from './index.ts';
import { lz4LibraryInUse, nativeLz4, useNativeLz4 } from './lz4-native.ts';

const codecs = compressions.filter((compression) => compression !== 'none');
const samples: [string, Buffer][] = [
  ['one byte', Buffer.from('x')],
  ['text', Buffer.from('to be or not to be, that is the question, or is it not to be? '.repeat(3))],
  ['1 MB of one byte', Buffer.alloc(1_000_000, 1)],
  ['1 MB that does not compress', randomBytes(1_000_000)],
  [
    '6 MB of both in turns',
    Buffer.concat(
      Array.from({ length: 6 }, (_, i) => (i % 2 ? randomBytes(1e6) : Buffer.alloc(1e6, `${i}ab`))),
    ),
  ],
  ['64 KiB, one block', Buffer.alloc(65_536, 'ab cd ')],
  ['64 KiB and one byte', Buffer.alloc(65_537, 'ab cd ')],
];

const libraries = codecs.flatMap((codec) =>
  (codec === 'lz4' ? (['native', 'wasm'] as const) : (['own'] as const)).map((library) => ({
    codec,
    library,
  })),
);

describe.each(libraries)('$codec, $library', ({ codec, library }) => {
  beforeAll(() => useNativeLz4(library === 'native'));
  afterAll(() => useNativeLz4(true));

  it.each(samples)('gives %s back', (_, bytes) => {
    expect(decompress(codec, compress(codec, bytes)).equals(bytes)).toBe(true);
  });

  it('gives random bytes back', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 5000 }),
      fc
        .array(fc.constantFrom('a', 'bc', 'def', '\0\0\0\0'), { minLength: 1, maxLength: 3000 })
        .map((parts) => Buffer.from(parts.join(''))),
    );
    fc.assert(
      fc.property(bytes, (array) => {
        const plain = Buffer.from(array);
        expect(decompress(codec, compress(codec, plain)).equals(plain)).toBe(true);
      }),
    );
  });

  it('refuses to decompress beyond the bound', () => {
    const bomb = compress(codec, Buffer.alloc(50_000_000));
    expect(() => decompress(codec, bomb, 1_000_000)).toThrow('more than 1000000 bytes');
  });

  it('refuses cut bytes, wherever the cut is', () => {
    const whole = compress(codec, Buffer.from('some words and some words and other words '.repeat(20)));
    for (let length = 0; length < whole.length; length++) {
      const cut = whole.subarray(0, length);
      if (codec === 'snappy' && length === 16) continue; // xerial's header alone is an empty stream
      expect(() => decompress(codec, cut), `cut at ${length}`).toThrow(
        expect.objectContaining({ code: 'BATCH_CORRUPT' }),
      );
    }
  });
});

describe('snappy', () => {
  it('is read as one raw block too, and as streams that follow one another', () => {
    const plain = Buffer.from('raw raw raw raw '.repeat(1000));
    expect(decompress('snappy', snappyCompress(plain)).equals(plain)).toBe(true);
    const twice = Buffer.concat([compress('snappy', plain), compress('snappy', plain)]);
    expect(decompress('snappy', twice).equals(Buffer.concat([plain, plain]))).toBe(true);
  });

  it.each([
    ['a declared length that so few bytes cannot reach', 'ffffffff0f00', 'does not fit'],
    ['a copy from in front of the block', '0501610a05', 'reaches in front'],
    ['a copy of distance zero', '0500610100', 'reaches in front'],
    ['a literal longer than the block', '0af46162', 'too long'],
    ['fewer bytes than declared', '050061', 'ends after 1 of 5'],
  ])('refuses %s', (_, hex, words) => {
    expect(() => decompress('snappy', Buffer.from(hex, 'hex'))).toThrow(words);
  });
});

describe.each(['native', 'wasm'] as const)('lz4, %s', (library) => {
  beforeAll(() => useNativeLz4(library === 'native'));
  afterAll(() => useNativeLz4(true));

  it('is what decompresses here', () => {
    nativeLz4();
    expect(lz4LibraryInUse()).toBe(library);
  });

  const header = '04224d186040ff';
  it.each([
    ['another magic', '05224d186040ff00000000', 'no LZ4 frame'],
    ['linked blocks, as Kafka does', '04224d184040ff00000000', 'flags 0x40'],
    ['an unknown block size', '04224d186030ff00000000', 'block descriptor 48'],
    ['a block above its size', `${header}01000100`, 'block length 65537'],
    ['a match of distance zero', `${header}0500000010610000000000000000`, 'match distance 0'],
    ['a match from in front of the block', `${header}0400000010610200`, 'match distance 2'],
    ['literals behind the block', `${header}02000000f061`, 'literals reach behind'],
    ['no end mark', `${header}020000001061`, 'no end mark'],
  ])('refuses %s', (_, hex, words) => {
    expect(() => decompress('lz4', Buffer.from(hex, 'hex'))).toThrow(words);
  });

  it('refuses a match that reaches into the block before', () => {
    // A stored block "abcd", then one literal and a match of distance 2.
    const blocks = '0400008061626364' + '04000000' + '10610200' + '00000000';
    expect(() => decompress('lz4', Buffer.from(header + blocks, 'hex'))).toThrow(
      'match distance 2 reaches in front',
    );
  });

  it('refuses a block that decompresses beyond the block size of its frame', () => {
    // One literal, then a match of 15 + 4 + 300 * 255 bytes: 76 KiB out of a frame of 64 KiB blocks.
    const block = Buffer.concat([Buffer.from('1f610100', 'hex'), Buffer.alloc(300, 255), Buffer.from([0])]);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(block.length);
    const frame = Buffer.concat([Buffer.from(header, 'hex'), length, block, Buffer.alloc(4)]);
    expect(() => decompress('lz4', frame)).toThrow('more than 65536 bytes');
  });
});

it('says of gzip bytes with a broken inner checksum that they are corrupt', () => {
  const bytes = gzipSync('hello');
  bytes[bytes.length - 6]! ^= 1;
  expect(() => decompress('gzip', bytes)).toThrow('Corrupt gzip block');
});
