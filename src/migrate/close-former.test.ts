// Which mirrors have to be closed before they are taken over again.
import { expect, test } from 'vitest';
import { closingEpoch, linkProducerId } from '../mirror/index.ts';
import { isLeftOpen } from './close-former.ts';

const idOf = (incarnation: number): bigint =>
  linkProducerId({ sourceClusterId: 'source', linkName: 'us-east-to-eu-west', incarnation });
const producer = (life: number, producerEpoch: number, rotation = 0n) => ({
  ...{ producerId: idOf(life) + rotation, producerEpoch },
});
const closed = (life: number) => [producer(life, closingEpoch), producer(life, closingEpoch, 1n)];
const former = (life: number, wasMet = true) => ({ life, producerId: idOf(life), wasMet });
const mirrorMaker = { producerId: 1_000n, producerEpoch: 0 };

test('a life is closed although one before it was', () => {
  expect(isLeftOpen([mirrorMaker, ...closed(1), producer(2, 4)], former(2))).toBe(true);
  expect(isLeftOpen([mirrorMaker, ...closed(1), ...closed(2)], former(2))).toBe(false);
});

test('a life that an agent was in is closed although the broker has forgotten it', () => {
  expect(isLeftOpen([mirrorMaker], former(1))).toBe(true);
  expect(isLeftOpen([mirrorMaker, ...closed(1)], former(1))).toBe(false);
  expect(isLeftOpen([mirrorMaker], former(1, false))).toBe(false);
});

test('the first life, under any name, where somebody was', () => {
  expect(isLeftOpen([mirrorMaker], former(0))).toBe(false);
  const renamed = linkProducerId({ sourceClusterId: 'source', linkName: 'formerly' });
  expect(isLeftOpen([{ producerId: renamed, producerEpoch: 0 }], former(0))).toBe(true);
  expect(isLeftOpen([...closed(0)], former(0))).toBe(false);
});
