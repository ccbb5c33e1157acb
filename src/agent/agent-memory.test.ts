import { expect, it } from 'vitest';
import { AgentMemory } from './agent-memory.ts';

const mib = 1024 * 1024;

it('has 64 MiB for all links together, and more only where one link may hold more than half of that', () => {
  const memory = new AgentMemory();
  for (let links = 0; links < 100; links++) memory.fit({ inFlightBytesMax: 32 * mib });
  expect(memory.status().heldBytesMax).toBe(64 * mib);
  memory.fit({ inFlightBytesMax: 128 * mib });
  memory.fit({ inFlightBytesMax: 16 * mib });
  expect(memory.status()).toEqual({ heldBytes: 0, heldBytesPeak: 0, heldBytesMax: 256 * mib });
});
