// How much may be in flight where nobody has said it: by the way to the brokers, and how many there are.
import { describe, expect, it } from 'vitest';
import { InFlightRoom } from './in-flight-room.ts';

const mib = 1024 * 1024;

/** After so many looks at source brokers that are so far away, ms. */
function roomOf(tripsMs: readonly number[], destinationBrokers: number, looks = 10): number {
  const room = new InFlightRoom(16 * mib);
  for (const [broker, tookMs] of tripsMs.entries()) room.noteTrip(broker, tookMs);
  let bytes = 0;
  for (let look = 0; look < looks; look++) bytes = room.look(destinationBrokers);
  return bytes / mib;
}

describe('MiB in flight', () => {
  const cases: [string, number, number][] = [
    ['nothing known yet: one broker on each side', roomOf([], 0), 8],
    ['one near broker on each side', roomOf([0.4], 1), 8],
    ['three brokers are written to', roomOf([0.4], 3), 16],
    ['two are read and one is written to', roomOf([0.4, 0.5], 1), 12],
    ['never more than the most, however many brokers', roomOf([0.4, 0.5, 0.3], 30), 16],
    ['what a near one takes on a busy machine', roomOf([4.9], 1), 8],
    ['a far source', roomOf([5], 1), 16],
    ['one broker of three is far', roomOf([0.4, 80, 0.4], 1), 16],
    ['late at three looks in a row may be a busy machine', roomOf([80], 1, 3), 8],
    ['at four it is the way', roomOf([80], 1, 4), 16],
  ];
  it.each(cases)('%s', (_name, seen, wanted) => {
    expect(seen).toBe(wanted);
  });

  it('one short answer shows that a broker is near, whatever came before and comes after it', () => {
    const room = new InFlightRoom(16 * mib);
    room.noteTrip(1, 7);
    expect([1, 2, 3, 4].map(() => room.look(1) / mib)).toEqual([8, 8, 8, 16]);
    room.noteTrip(1, 0.6);
    room.noteTrip(1, 500);
    expect(room.look(1) / mib).toBe(8);
  });
});
