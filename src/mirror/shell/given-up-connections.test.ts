import { expect, test } from 'vitest';
import { GivenUpConnections } from './given-up-connections.ts';

test('what is given up is left out for a minute; how many there are to be stays the same then', () => {
  const connections = new GivenUpConnections();
  connections.giveUp(1, 0);
  expect(connections.left(4, 59_000)).toEqual([0, 2, 3]);
  expect(connections.left(4, 60_000)).toEqual([0, 1, 2, 3]);
  connections.giveUp(1, 60_000);
  expect(connections.left(2, 60_000)).toEqual([0]);
  connections.opened(1);
  expect(connections.left(2, 60_000)).toEqual([0, 1]);
});

test('one is left at least', () => {
  const connections = new GivenUpConnections();
  for (const number of [0, 1, 3]) connections.giveUp(number, 0);
  expect(connections.left(1, 0)).toEqual([2]);
  expect(connections.left(2, 0)).toEqual([2]);
  expect(connections.left(3, 0)).toEqual([2]);
});
