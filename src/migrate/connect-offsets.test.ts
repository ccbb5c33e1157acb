import { describe, expect, test } from 'vitest';
import { murmur2, offsetKey, offsetValue, parseOffset, partitionOfKey } from './connect-offsets.ts';

/** As a MirrorMaker 2 of 4.3.1 wrote them. */
const key = '["MirrorSourceConnector",{"cluster":"us-east","partition":1,"topic":"orders"}]';

describe('what Connect keeps', () => {
  test('is read, and written byte for byte', () => {
    const at = { connector: 'MirrorSourceConnector', cluster: 'us-east', topic: 'orders', partition: 1 };
    expect(parseOffset(Buffer.from(key), Buffer.from('{"offset":1234}'))).toEqual({ ...at, offset: 1234n });
    expect(offsetKey(at).toString()).toBe(key);
    expect(offsetValue(1234n).toString()).toBe('{"offset":1234}');
  });

  test.each([
    ['a tombstone', key, null, null],
    ['an offset beyond what JSON can say', key, '{"offset":9007199254740993}', null],
    ['no number', key, '{"offset":"7"}', null],
  ])('%s says nothing', (_what, text, value, offset) => {
    expect(parseOffset(Buffer.from(text), value === null ? null : Buffer.from(value))?.offset).toBe(offset);
  });

  test.each([
    '["MirrorCheckpointConnector",{"group":"g","partition":1,"topic":"orders"}]',
    '["MirrorHeartbeatConnector",{"sourceClusterAlias":"a","targetClusterAlias":"b"}]',
    '{"topic":"orders"}',
    'rubbish',
    '[]',
  ])('keys of others are left alone: %s', (text) => {
    expect(parseOffset(Buffer.from(text), Buffer.from('{"offset":1}'))).toBeNull();
  });
});

describe('the partition that Java’s producer takes', () => {
  // Kafka's own UtilsTest.testMurmur2.
  test.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('murmur2 of %s', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
  });

  test('is never below zero', () => {
    for (const text of ['21', 'foobar', 'abc']) {
      const partition = partitionOfKey(Buffer.from(text), 25);
      expect(partition).toBeGreaterThanOrEqual(0);
      expect(partition).toBeLessThan(25);
    }
  });
});
