// Version 1: deflated JSON.
//
//   member      {"agent":"a-1","generation":7,"owned":[...],"releasing":[...],"isLeaving":false,"load":[1200,-1,...]}
//   assignment  {"keys":[...]}
//
// Items are lists as in key-list.ts. `load` is in the order of the owned items, then of the releasing ones; -1 is
// unknown. Two digits are kept: more would only make every message another one.
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import * as z from 'zod';
import { packKeys, unpackKeys } from './key-list.ts';
import type { FleetProtocol, MemberView } from './protocol.ts';

/** What one message may unpack to, bytes; 10,000 partitions take some hundred KB. */
const unpackedBytesMax = 16 * 1024 * 1024;

const keyList = z.array(z.tuple([z.string(), z.array(z.tuple([z.string(), z.string()]))]));
const memberSchema = z.object({
  agent: z.string(),
  generation: z.int(),
  owned: keyList,
  releasing: keyList,
  isLeaving: z.boolean(),
  load: z.array(z.number()),
});
const assignmentSchema = z.object({ keys: keyList });

export const protocolV1: FleetProtocol = {
  name: 'v1',
  encodeMember(view) {
    const owned = packKeys(view.owned);
    const releasing = packKeys(view.releasing);
    return pack({
      agent: view.agentId,
      generation: view.generation,
      owned: owned.list,
      releasing: releasing.list,
      isLeaving: view.isLeaving,
      load: [...owned.ordered, ...releasing.ordered].map((key) => roughly(view.load.get(key) ?? -1)),
    });
  },
  decodeMember(bytes): MemberView {
    const { agent, generation, isLeaving, load, ...lists } = memberSchema.parse(unpack(bytes));
    const owned = unpackKeys(lists.owned);
    const releasing = unpackKeys(lists.releasing);
    const costs = [...owned, ...releasing].map((key, index) => [key, load[index] ?? -1] as const);
    return {
      agentId: agent,
      generation,
      owned,
      releasing,
      isLeaving,
      load: new Map(costs.filter(([, cost]) => cost >= 0)),
    };
  },
  encodeAssignment: (keys) => pack({ keys: packKeys(keys).list }),
  decodeAssignment: (bytes) => unpackKeys(assignmentSchema.parse(unpack(bytes)).keys),
};

function pack(value: object): Buffer {
  return deflateRawSync(JSON.stringify(value));
}

function unpack(bytes: Buffer): unknown {
  return JSON.parse(inflateRawSync(bytes, { maxOutputLength: unpackedBytesMax }).toString('utf8'));
}

function roughly(cost: number): number {
  return cost <= 0 ? Math.sign(cost) : Number(cost.toPrecision(2));
}
