// Whose turn it is beside a backlog, and what happens while there is no room for more of it.
import { expect, it } from 'vitest';
import { MemoryBudget } from './memory-budget.ts';
import { type Followed, ReadingTurns, type Turn } from './reading-turns.ts';

const both: Followed = { hasLive: true, hasBehind: true };
const bytesMax = 1_000_000;

class Reader {
  nowMs = 0;
  readonly budget: MemoryBudget;
  readonly turns: ReadingTurns;

  constructor(budget = new MemoryBudget({ bytesMax: 16_000_000 })) {
    this.budget = budget;
    this.turns = new ReadingTurns({ budget, answerBytesMax: bytesMax, nowMs: () => this.nowMs });
  }

  /** One turn, whose answer has this share of what was asked for. */
  async turn(share: number, followed = both): Promise<Turn> {
    const turn = await this.turns.next(followed, bytesMax);
    const answerBytes = Math.ceil(turn.askedBytes * share);
    this.turns.note(turn, { askedBytes: turn.askedBytes, answerBytes });
    this.budget.giveBack(turn.reservedBytes);
    return turn;
  }

  async scopes(shares: readonly number[], followed = both): Promise<string[]> {
    const seen: string[] = [];
    for (const share of shares) {
      seen.push((await this.turn(share, followed)).scope);
      this.nowMs += 10;
    }
    return seen;
  }
}

it('asks for everything while answers are not full, and as long as somebody has news', async () => {
  const reader = new Reader();
  expect(await reader.scopes([0, 0.1, 0.4, 0])).toEqual(['all', 'all', 'all', 'all']);
  expect((await reader.turn(0)).waitMsMax).toBe(Number.POSITIVE_INFINITY);
});

it('asks for live ones alone every 25 ms while answers are full, and for the backlog in between', async () => {
  const reader = new Reader();
  expect(await reader.scopes([1, 0, 1, 1, 0, 1, 1, 0])).toEqual([
    ...['all', 'live', 'behind', 'behind', 'live', 'behind', 'behind', 'live'],
  ]);
});

it('asks for everything again when the backlog ends', async () => {
  const reader = new Reader();
  expect(await reader.scopes([1, 0, 1, 0.1, 0, 0])).toEqual([
    'all',
    'live',
    'behind',
    'behind',
    'all',
    'all',
  ]);
});

it('makes no turns where there is one kind alone', async () => {
  const reader = new Reader();
  const behind = { hasLive: false, hasBehind: true };
  expect(await reader.scopes([1, 1, 1, 1, 1], behind)).toEqual(['all', 'all', 'all', 'all', 'all']);
});

it('goes on with live ones while there is no room for the backlog, and waits at the broker for them', async () => {
  const reader = new Reader();
  await reader.scopes([1, 0]);
  reader.budget.take(15_999_000);
  reader.nowMs += 5;
  const turns = [await reader.turn(0), await reader.turn(0), await reader.turn(0)];
  expect(turns.map(({ scope, waitMsMax }) => [scope, waitMsMax])).toEqual([
    ['live', 25],
    ['live', 25],
    ['live', 25],
  ]);
  reader.budget.giveBack(8_000_000);
  expect((await reader.turn(1)).scope).toBe('behind');
});

it('waits for room of both kinds where there is none at all, and takes what comes first', async () => {
  const reader = new Reader();
  await reader.scopes([1, 0]);
  reader.budget.take(20_000_000);
  const turn = reader.turn(0);
  let isDone = false;
  void turn.then(() => {
    isDone = true;
  });
  await new Promise(setImmediate);
  expect(isDone).toBe(false);
  reader.budget.giveBack(20_000_000);
  expect((await turn).scope).toMatch(/live|behind/);
});

it('gives back what it had asked for when it rests or ends', async () => {
  const reader = new Reader();
  await reader.scopes([1, 0]);
  reader.budget.take(15_999_000);
  await reader.turn(0);
  reader.budget.giveBack(15_999_000);
  reader.turns.rest();
  expect(reader.budget.heldBytes).toBe(0);
  const other = new Reader();
  await other.scopes([1, 0]);
  other.budget.take(15_999_000);
  await other.turn(0);
  other.turns.rest();
  other.budget.giveBack(15_999_000);
  expect(other.budget.heldBytes).toBe(0);
});

it('keeps no room that it has no turn for: live ones are not asked for alone when the backlog is over', async () => {
  const reader = new Reader();
  await reader.scopes([1, 0]);
  reader.budget.take(20_000_000);
  const turn = reader.turn(0.1);
  await new Promise(setImmediate);
  // Room for both kinds at once.
  reader.budget.giveBack(20_000_000);
  expect((await turn).scope).toBe('behind');
  expect(reader.budget.heldBytes).toBeGreaterThan(0);
  expect(await reader.scopes([0, 0])).toEqual(['all', 'all']);
  expect(reader.budget.heldBytes).toBe(0);
});

it('gives the backlog every other turn where live ones have so much that it takes longer than they wait', async () => {
  const reader = new Reader();
  await reader.scopes([1]);
  const seen: string[] = [];
  for (let turn = 0; turn < 6; turn++) {
    seen.push((await reader.turn(1)).scope);
    reader.nowMs += 40;
  }
  expect(seen).toEqual(['live', 'behind', 'live', 'behind', 'live', 'behind']);
});
