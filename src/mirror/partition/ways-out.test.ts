import { describe, expect, it, test } from 'vitest';
import { type Place, wayOut, waysOut } from './ways-out.ts';

const place: Place = {
  link: 'us-to-eu',
  topic: 'orders',
  partition: 3,
  mirror: 'eu.orders',
  file: 'lockstep.yaml',
  source: 'us:9092',
  destination: 'eu:9092',
};

describe('what to do', () => {
  test.each(Object.keys(waysOut))('%s has a command, or says that nothing has to be done', (state) => {
    const words = wayOut(state, place)!;
    const command =
      /(?:lockstep (?:verify|run|doctor) lockstep\.yaml|kafka-[a-z-]+\.sh --bootstrap-server (?:us|eu):9092)\b/;
    expect(words).toMatch(new RegExp(`${command.source}|Nothing has to be done`));
  });

  test.each(Object.keys(waysOut))('%s is one line with every place filled in', (state) => {
    const words = wayOut(state, place)!;
    expect(words).not.toMatch(/[{}\n]/);
    expect(words).toMatch(/^[A-Z].*\.$/);
    expect(words.length).toBeLessThan(500);
  });

  test.each(Object.keys(waysOut))('%s names the mirror where the destination is asked', (state) => {
    const words = wayOut(state, place)!;
    for (const [, name] of words.matchAll(/eu:9092 [^;]*?(?:--topic|--entity-name) (\S+?)[.;,]?(?: |$)/g))
      expect(name).toBe('eu.orders');
  });

  it('is nothing for states that pass', () => {
    expect(wayOut('Mirroring', place)).toBeNull();
    expect(wayOut('toString', place)).toBeNull();
  });

  it('takes names as they are', () => {
    expect(wayOut('StartTooFar', { ...place, link: '$& {file}' })).toContain(
      'on link $& {file} in lockstep.yaml',
    );
  });
});
