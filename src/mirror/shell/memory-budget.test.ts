// Who gets room when, in one link and between links of one agent.
import { describe, expect, it } from 'vitest';
import { AskSize, MemoryBudget } from './memory-budget.ts';

/** Asks for room and tells when it was granted. */
class Asker {
  readonly granted: string[] = [];

  ask(name: string, budget: MemoryBudget, bytes: number, isLive = false): void {
    budget.whenRoom({ bytes, isLive }, (reservedBytes) =>
      this.granted.push(reservedBytes === bytes ? name : `${name}: ${reservedBytes}`),
    );
  }
}

describe('one link', () => {
  it('grants what fits at once, and the rest in order when something is given back', async () => {
    const budget = new MemoryBudget({ bytesMax: 1_000 });
    const asker = new Asker();
    expect(await budget.reserve({ bytes: 200, isLive: false })).toBe(200);
    budget.take(700);
    asker.ask('first', budget, 240);
    asker.ask('second', budget, 50);
    // The second would fit, but what is small must not overtake what is large for ever.
    expect(asker.granted).toEqual([]);
    expect(budget.isExhausted).toBe(true);
    budget.giveBack(140);
    expect(asker.granted).toEqual(['first']);
    budget.giveBack(50);
    expect(asker.granted).toEqual(['first', 'second']);
    expect(budget.heldBytes).toBe(200 + 700 - 140 - 50 + 240 + 50);
    expect(budget.isExhausted).toBe(false);
  });

  it('has an eighth more for live partitions, which go before others', () => {
    const budget = new MemoryBudget({ bytesMax: 1_000 });
    const asker = new Asker();
    budget.take(1_000);
    asker.ask('backlog', budget, 100);
    asker.ask('live', budget, 120, true);
    asker.ask('more live', budget, 100, true);
    expect(asker.granted).toEqual(['live']);
    budget.giveBack(220);
    expect(asker.granted).toEqual(['live', 'more live']);
    budget.giveBack(300);
    expect(asker.granted).toEqual(['live', 'more live', 'backlog']);
  });

  it('lets nobody small overtake live ones that want much', () => {
    const budget = new MemoryBudget({ bytesMax: 1_000 });
    const asker = new Asker();
    budget.take(1_000);
    asker.ask('live', budget, 400, true);
    asker.ask('backlog', budget, 10);
    budget.giveBack(200);
    expect(asker.granted).toEqual([]);
    budget.giveBack(100);
    expect(asker.granted).toEqual(['live']);
    budget.giveBack(110);
    expect(asker.granted).toEqual(['live', 'backlog']);
  });

  it('forgets who leaves the line, which may be who held up the others', () => {
    const budget = new MemoryBudget({ bytesMax: 1_000 });
    const asker = new Asker();
    budget.take(900);
    const leave = budget.whenRoom({ bytes: 400, isLive: false }, () => asker.granted.push('left'));
    asker.ask('behind it', budget, 100);
    expect(asker.granted).toEqual([]);
    leave();
    expect(asker.granted).toEqual(['behind it']);
    leave();
    budget.giveBack(1_000);
    expect([asker.granted, budget.heldBytes, budget.isExhausted]).toEqual([['behind it'], 0, false]);
  });

  it('may become smaller and larger while some wait: nobody waits for more than it has', () => {
    const agent = new MemoryBudget({ bytesMax: 4_000 });
    const budget = new MemoryBudget({ bytesMax: 1_000, parent: agent });
    const other = new MemoryBudget({ bytesMax: 1_000, parent: agent });
    const asker = new Asker();
    budget.take(900);
    asker.ask('large', budget, 480);
    asker.ask('small', budget, 10);
    budget.resizeTo(400);
    // Of another link nothing changes.
    other.take(900);
    asker.ask('other', other, 480);
    budget.giveBack(800);
    expect(asker.granted).toEqual(['large: 200', 'small']);
    budget.giveBack(210);
    asker.ask('all of it', budget, 600);
    expect(asker.granted.at(-1)).toBe('all of it: 200');
    asker.ask('waits', budget, 150);
    expect(asker.granted).toHaveLength(3);
    budget.resizeTo(1_000);
    expect(asker.granted.at(-1)).toBe('waits');
    other.giveBack(900);
    expect(asker.granted.at(-1)).toBe('other');
  });

  it('turns what was reserved into what came', () => {
    const budget = new MemoryBudget({ bytesMax: 1_000 });
    const asker = new Asker();
    asker.ask('answer', budget, 500);
    asker.ask('another', budget, 500);
    asker.ask('waiting', budget, 400);
    budget.settle({ reservedBytes: 500, heldBytes: 100 });
    expect(asker.granted).toEqual(['answer', 'another', 'waiting']);
    expect(budget.heldBytes).toBe(1_000);
    budget.settle({ reservedBytes: 400, heldBytes: 700 });
    expect(budget.heldBytes).toBe(1_300);
    expect(budget.heldBytesPeak).toBe(1_300);
  });

  it('reserves at most half for one answer, so that a batch larger than all of it is read beside others', () => {
    const asker = new Asker();
    asker.ask('large', new MemoryBudget({ bytesMax: 1_000 }), 5_000);
    expect(asker.granted).toEqual(['large: 500']);
  });
});

describe('several links', () => {
  const agentOf = (bytesMax: number, linkBytesMax: number, count: number) => {
    const parent = new MemoryBudget({ bytesMax });
    const links = Array.from({ length: count }, () => new MemoryBudget({ bytesMax: linkBytesMax, parent }));
    return { parent, links };
  };

  it('share what their agent has, and leave half of it to copies', () => {
    const { parent, links } = agentOf(1_600, 1_000, 3);
    const asker = new Asker();
    for (const [index, link] of links.entries()) asker.ask(`link ${index}`, link, 300);
    // 7 sixteenths are for reading backlogs.
    expect(asker.granted).toEqual(['link 0', 'link 1']);
    expect(parent.heldBytes).toBe(600);
    links[0]!.giveBack(300);
    expect(asker.granted).toEqual(['link 0', 'link 1', 'link 2']);
    links[2]!.take(800);
    expect([parent.heldBytes, links[2]!.heldBytes]).toEqual([1_400, 1_100]);
  });

  it('pass over who waits for a budget of its own', () => {
    const { links } = agentOf(10_000, 1_000, 2);
    const [full, free] = links as [MemoryBudget, MemoryBudget];
    const asker = new Asker();
    full.take(1_000);
    asker.ask('full', full, 100);
    asker.ask('free', free, 100);
    expect(asker.granted).toEqual(['free']);
    expect(free.isExhausted).toBe(true);
  });

  it('take turns, one large batch at a time, where the budget is smaller than a batch', () => {
    const { parent, links } = agentOf(100, 100, 4);
    const turns = [0, 0, 0, 0];
    const heldByBatch = 1_000;
    let reading: { link: number; reservedBytes: number }[] = [];
    const ask = (link: number): void => {
      links[link]!.whenRoom({ bytes: 50, isLive: false }, (reservedBytes) =>
        reading.push({ link, reservedBytes }),
      );
    };
    for (const link of links.keys()) ask(link);
    for (let round = 0; round < 400; round++) {
      const now = reading;
      reading = [];
      // Whatever was granted comes as a batch, is held for a while, and is asked for again.
      expect(now.length).toBeGreaterThan(0);
      for (const { link, reservedBytes } of now) {
        turns[link]! += 1;
        links[link]!.settle({ reservedBytes, heldBytes: heldByBatch });
      }
      expect(parent.heldBytes).toBe(now.length * heldByBatch);
      for (const { link } of now) {
        ask(link);
        links[link]!.giveBack(heldByBatch);
      }
    }
    const [least, most] = [Math.min(...turns), Math.max(...turns)];
    expect(most - least).toBeLessThanOrEqual(1);
  });

  it('have more where one of them may hold more than half', () => {
    const { parent, links } = agentOf(100, 1_000, 1);
    const asker = new Asker();
    parent.take(100);
    asker.ask('link', links[0]!, 20);
    expect(asker.granted).toEqual([]);
    parent.growTo(2_000);
    expect(asker.granted).toEqual(['link']);
    parent.growTo(10);
    expect(parent.bytesMax).toBe(2_000);
  });
});

describe('how much is asked for', () => {
  it('grows fourfold while answers come full, and shrinks while little comes', () => {
    const size = new AskSize({ bytesMin: 64, bytesMax: 4_000 });
    const seen = [size.bytes];
    for (const share of [1, 0.5, 1, 1, 0.4, 0.2, 0.1, 0, 0, 0, 0]) {
      size.note({ askedBytes: size.bytes, answerBytes: Math.ceil(size.bytes * share) });
      seen.push(size.bytes);
    }
    expect(seen).toEqual([64, 256, 1_024, 4_000, 4_000, 4_000, 4_000, 1_000, 250, 64, 64, 64]);
  });

  it('grows only as far as answers come in good time, over a line that is thin', () => {
    const size = new AskSize({ bytesMin: 64, bytesMax: 4_096 });
    const asked: number[] = [];
    for (let answer = 0; answer < 8; answer++) {
      asked.push(size.bytes);
      // 50 bytes a second; at 30 s a request is given up.
      size.note({ askedBytes: size.bytes, answerBytes: size.bytes, tookMs: size.bytes * 20 });
    }
    expect(asked).toEqual([64, 256, 256, 256, 256, 256, 256, 256]);
    size.note({ askedBytes: 256, answerBytes: 256, tookMs: 12_000 });
    expect(size.bytes).toBe(64);
  });

  it('reserves room for batches that are larger than what is asked for, for as long as they come', () => {
    const size = new AskSize({ bytesMin: 64, bytesMax: 64 });
    size.note({ askedBytes: 64, answerBytes: 1_000 });
    expect([size.bytes, size.reservedWithin(64), size.reservedWithin(10)]).toEqual([64, 1_000, 1_000]);
    size.note({ askedBytes: 64, answerBytes: 64 });
    expect(size.reservedWithin(64)).toBe(500);
    for (let small = 0; small < 10; small++) size.note({ askedBytes: 64, answerBytes: 40 });
    expect(size.reservedWithin(64)).toBe(64);
  });
});

it('keeps the order within a link of an agent, too, and serves the others meanwhile', () => {
  const agent = new MemoryBudget({ bytesMax: 8_000 });
  const [link, other] = [1, 2].map(() => new MemoryBudget({ bytesMax: 1_000, parent: agent })) as [
    MemoryBudget,
    MemoryBudget,
  ];
  const asker = new Asker();
  link.take(800);
  asker.ask('large', link, 400);
  asker.ask('small', link, 100);
  asker.ask('another link', other, 100);
  expect(asker.granted).toEqual(['another link']);
  link.giveBack(300);
  expect(asker.granted).toEqual(['another link', 'large', 'small']);
});
