// Bytes written down by hand from Kafka's message specs: what the codec must make and read, without any encoder
// in between. The same for every API, by Kafka's own classes: test/protocol/java-agrees.test.ts.

import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeToBuffer } from './codec.ts';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse, peekRequest } from './frames.ts';
import { apis } from './messages/apis.ts';

/** Hex with blanks and remarks in parentheses. */
function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\([^)]*\)|\s/g, ''), 'hex');
}

const topicId = 'AQIDBAUGBwgJCgsMDQ4PEA'; // bytes 1 to 16

const produceV3 = {
  value: {
    transactionalId: null,
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name: 'ab', partitionData: [{ index: 3, records: Buffer.from('c0ffee', 'hex') }] }],
  },
  bytes: hex(`ffff(transactionalId null) ffff(acks) 000003e8(timeout)
    00000001(topics) 0002 6162(name) 00000001(partitions) 00000003(index) 00000003 c0ffee(records)`),
};

const fetchV13Response = {
  value: {
    throttleTimeMs: 5,
    errorCode: 0,
    sessionId: 7,
    responses: [
      {
        topicId,
        partitions: [
          {
            partitionIndex: 1,
            errorCode: 6,
            highWatermark: 100n,
            lastStableOffset: 99n,
            logStartOffset: 2n,
            currentLeader: { leaderId: 2, leaderEpoch: 9 },
            abortedTransactions: null,
            preferredReadReplica: -1,
            records: Buffer.from('c0ffee', 'hex'),
          },
        ],
      },
    ],
  },
  bytes: hex(`00000005(throttle) 0000(error) 00000007(session)
    02(one topic) 0102030405060708090a0b0c0d0e0f10(id) 02(one partition)
      00000001(index) 0006(error) 0000000000000064(high watermark) 0000000000000063(last stable)
      0000000000000002(log start) 00(aborted null) ffffffff(replica) 04 c0ffee(records)
      01(one tagged field) 01(tag 1) 09(bytes) 00000002 00000009 00(leader, epoch, no tags)
    00(topic's tags) 00(message's tags)`),
};

describe('bytes by hand', () => {
  it('of a Produce v3 request, without compact lengths, with records', () => {
    expect(encodeToBuffer(apis.Produce.request, 3, produceV3.value).toString('hex')).toBe(
      produceV3.bytes.toString('hex'),
    );
    expect(decodeMessage(apis.Produce.request, 3, produceV3.bytes)).toMatchObject(produceV3.value);
  });

  it('of a Fetch v13 response, with compact lengths, a uuid, a tagged struct and records', () => {
    expect(encodeToBuffer(apis.Fetch.response, 13, fetchV13Response.value).toString('hex')).toBe(
      fetchV13Response.bytes.toString('hex'),
    );
    expect(decodeMessage(apis.Fetch.response, 13, fetchV13Response.bytes)).toMatchObject(
      fetchV13Response.value,
    );
  });

  it('with tags that a newer broker added: they are passed over', () => {
    const bytes = hex('00000000 0000 00000000 01 02(two tags) 63(99) 03 aabbcc e807(1000) 00');

    expect(decodeMessage(apis.Fetch.response, 13, bytes).responses).toEqual([]);
  });
});

describe('frames', () => {
  const clientId = 'c';

  it('of a request with header v1', () => {
    const parts = encodeRequest(apis.Heartbeat, 0, { correlationId: 258, clientId }, { groupId: 'g' });
    const bytes = hex(`00000016(length) 000c(key) 0000(version) 00000102(correlation) 0001 63(client)
      0001 67(group) 00000000(generation) 0000(member)`);
    bytes.writeInt32BE(bytes.length - 4, 0);

    expect(Buffer.concat(parts).toString('hex')).toBe(bytes.toString('hex'));
    expect(peekRequest(bytes.subarray(4))).toEqual({ apiKey: 12, version: 0 });
    expect(decodeRequest(apis.Heartbeat, 0, bytes.subarray(4))).toMatchObject({
      correlationId: 258,
      clientId,
      body: { groupId: 'g', memberId: '' },
    });
  });

  it('of a request with header v2, whose client id is still not compact', () => {
    const parts = encodeRequest(apis.ListGroups, 3, { correlationId: 1, clientId: null }, {});

    expect(Buffer.concat(parts).toString('hex')).toBe(
      hex(
        '0000000c(length) 0010(key) 0003(version) 00000001 ffff(no client) 00(tags) 00(body: tags)',
      ).toString('hex'),
    );
  });

  it('of a response with header v1', () => {
    const bytes = hex('00000009 00000005(correlation) 00(tags) 001b(error)');
    const parts = encodeResponse(apis.Heartbeat, 4, 5, { errorCode: 27 });

    expect(Buffer.concat(parts).toString('hex')).toBe(
      hex('0000000c(length) 00000005(correlation) 00(tags) 00000000(throttle) 001b(error) 00(tags)').toString(
        'hex',
      ),
    );
    expect(decodeResponse(apis.Heartbeat, 4, Buffer.concat(parts).subarray(4))).toEqual({
      correlationId: 5,
      body: { throttleTimeMs: 0, errorCode: 27 },
    });
    expect(() => decodeResponse(apis.Heartbeat, 4, bytes.subarray(4))).toThrow(/ends too early/);
  });

  it('of ApiVersions: its response has header v0 in every version (KIP-511)', () => {
    const parts = encodeResponse(apis.ApiVersions, 4, 5, { errorCode: 35 });

    expect(Buffer.concat(parts).toString('hex')).toBe(
      hex(
        '0000000c(length) 00000005(correlation) 0023(error) 01(no keys) 00000000(throttle) 00(tags)',
      ).toString('hex'),
    );
  });

  it('count records into their length without copying them', () => {
    const records = Buffer.alloc(5000, 1);
    const topicData = [{ name: 't', partitionData: [{ index: 0, records }] }];
    const parts = encodeRequest(apis.Produce, 9, { correlationId: 1, clientId }, { topicData });

    expect(parts).toContain(records);
    expect(parts[0]!.readInt32BE(0)).toBe(Buffer.concat(parts).length - 4);
  });
});
