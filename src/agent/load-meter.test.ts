import { expect, test } from 'vitest';
import type { LinkStatus } from '../link/index.ts';
import { LoadMeter } from './load-meter.ts';

/** A link's partitions and what each has mirrored. */
function links(bytes: Record<number, number>, name = 'us-to-eu'): LinkStatus[] {
  const partitions = Object.entries(bytes).map(([partition, bytesMirrored]) => ({
    ...{ topic: 'orders', partition: Number(partition), bytesMirrored },
  }));
  return [{ name, partitions } as unknown as LinkStatus];
}

test('a rate comes near what is mirrored, a tenth of the way in a second, however often it is looked', () => {
  const meter = new LoadMeter();
  meter.look(links({ 0: 500 }), 0);
  expect(meter.rates).toEqual(new Map([['us-to-eu/orders/0', 0]]));
  meter.look(links({ 0: 1_500 }), 1_000);
  expect(meter.rates.get('us-to-eu/orders/0')).toBeCloseTo(100);
  meter.look(links({ 0: 3_500 }), 3_000);
  expect(meter.rates.get('us-to-eu/orders/0')).toBeCloseTo(100 * 0.81 + 1_000 * 0.19);
});

test('what is not there at the newest look is not told, and begins anew when it comes back', () => {
  const meter = new LoadMeter();
  meter.look(links({ 0: 0, 1: 0 }), 0);
  meter.look(links({ 0: 1_000, 1: 1_000 }), 1_000);
  meter.look(links({ 0: 2_000 }), 2_000);
  expect([...meter.rates.keys()]).toEqual(['us-to-eu/orders/0']);
  meter.look(links({ 0: 2_000, 1: 9_000 }), 3_000);
  expect(meter.rates.get('us-to-eu/orders/1')).toBe(0);
  // As many as before, but others.
  meter.look(links({ 0: 2_000, 1: 9_000 }, 'eu-to-us'), 4_000);
  expect([...meter.rates.keys()]).toEqual(['eu-to-us/orders/0', 'eu-to-us/orders/1']);
});

test('a counter that began anew, and a clock that was set back, cost nothing', () => {
  const meter = new LoadMeter();
  meter.look(links({ 0: 5_000 }), 1_000);
  meter.look(links({ 0: 10 }), 2_000);
  meter.look(links({ 0: 5_000 }), 1_500);
  expect(meter.rates).toEqual(new Map([['us-to-eu/orders/0', 0]]));
});
