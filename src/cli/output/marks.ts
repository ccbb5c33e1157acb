// The marks of a check, as words: a colour alone would be lost in a log, a mail, or on some eyes.

/** Colours of node:util's styleText that we use. */
export type Colour = 'green' | 'yellow' | 'red';

export type Mark = 'ok' | 'advice' | 'bad' | 'unknown';

export const markWords: Readonly<Record<Mark, { word: string; colour: Colour }>> = {
  ok: { word: 'ok', colour: 'green' },
  advice: { word: 'advice', colour: 'yellow' },
  bad: { word: 'NOT OK', colour: 'red' },
  unknown: { word: 'unknown', colour: 'yellow' },
};
