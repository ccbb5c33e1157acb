// sasl.jaas.config: `module flag key=value ...;` as Kafka reads it (JaasConfig over java.io.StreamTokenizer): words that begin
// with a letter, _ or $; text in single or double quotes with Java's escapes; comments from a / to the line's end, or
// between /* and */. What begins with a digit, a dot or a minus is a number there, and no value: it needs quotes.
// Messages name keys and classes; values may be secrets and never stand in one.
import type { Problem } from '../problems.ts';

export interface JaasEntry {
  /** Class of the login module. */
  readonly module: string;
  readonly options: Readonly<Record<string, string>>;
}

type Token = { readonly kind: 'word' | 'quoted' | 'number' | 'other'; readonly text: string };

const flags: readonly string[] = ['required', 'requisite', 'sufficient', 'optional'];
const exampleExpected =
  'org.apache.kafka.common.security.scram.ScramLoginModule required username="..." password="...";';

/** The one login module of the text, or what is wrong with it. */
export function parseJaas(text: string): JaasEntry | Problem {
  const tokens = tokensOf(text);
  if (!Array.isArray(tokens)) return tokens;
  const [module, flag, ...rest] = tokens;
  if (module?.kind !== 'word' && module?.kind !== 'quoted')
    return problem('no login module', exampleExpected);
  if (flag === undefined || flag.text === ';')
    return problem('a login module without a flag', 'required behind it');
  if (!flags.includes(flag.text.toLowerCase())) {
    // Where the flag is missing, the first option stands there; a quoted text may be a secret.
    return problem('no flag behind the login module', `one of ${flags.join(', ')}`);
  }
  const options: Record<string, string> = {};
  let index = 0;
  for (; rest[index] !== undefined && !isEnd(rest[index]); index += 3) {
    const option = readOption(rest.slice(index, index + 3));
    if (!Array.isArray(option)) return option;
    options[option[0]] = option[1];
  }
  if (rest[index] === undefined) return problem("no ';' at the end", "a ';' behind the last option");
  if (rest.length > index + 1) {
    return problem('a second login module', 'one: Lockstep logs in one way at a time');
  }
  return { module: module.text, options };
}

function readOption([key, equals, value]: readonly (Token | undefined)[]): [string, string] | Problem {
  // A text behind a value that ended too early may be the rest of a secret.
  if (key?.kind !== 'word' && key?.kind !== 'quoted') {
    return problem('a character that belongs to no option', 'key="value", with the value in quotes');
  }
  const isNamed = key.kind === 'word' && equals?.text === '=';
  const name = isNamed ? key.text : 'an option';
  const expected = isNamed ? `${key.text}="..."` : 'key="value", with the value in quotes';
  if (equals?.kind !== 'other' || equals.text !== '=') return problem('an option without a value', expected);
  if (value?.kind === 'number')
    return problem(`a number as the value of ${name}, which Java refuses`, expected);
  if (value === undefined || value.kind === 'other') return problem(`${name} without a value`, expected);
  return [key.text, value.text];
}

function isEnd(token: Token | undefined): boolean {
  return token?.kind === 'other' && token.text === ';';
}

function problem(found: string, expected: string): Problem {
  return { found, expected };
}

const wordPattern = /[A-Za-z_$\u00a0-\uffff][A-Za-z0-9._$\-\u00a0-\uffff]*/y;
const numberPattern = /[0-9.-]+/y;
const blankPattern = /(?:[\0- ]|\/\*[\s\S]*?(?:\*\/|$)|\/[^\r\n]*)+/y;

function tokensOf(text: string): Token[] | Problem {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const blank = match(blankPattern, text, at);
    if (blank !== '') {
      at += blank.length;
      continue;
    }
    const word = match(wordPattern, text, at);
    const number = match(numberPattern, text, at);
    const character = text[at]!;
    if (word !== '') {
      tokens.push({ kind: 'word', text: word });
      at += word.length;
    } else if (number !== '') {
      tokens.push({ kind: 'number', text: number });
      at += number.length;
    } else if (character === '"' || character === "'") {
      const quoted = quotedText(text, at);
      if (quoted === null)
        return problem('a quote that is not closed', `${character} at the end of the value`);
      tokens.push({ kind: 'quoted', text: quoted.text });
      at = quoted.end;
    } else {
      tokens.push({ kind: 'other', text: character });
      at += 1;
    }
  }
  return tokens;
}

function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

const escapes: Readonly<Record<string, string>> = {
  ...{ a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' },
};

/** A text in quotes: it ends at its quote; a line's end within it leaves it open. */
function quotedText(text: string, start: number): { text: string; end: number } | null {
  const quote = text[start];
  let result = '';
  let at = start + 1;
  while (at < text.length && text[at] !== quote) {
    const character = text[at]!;
    if (character === '\n' || character === '\r') return null;
    if (character !== '\\') {
      result += character;
      at += 1;
      continue;
    }
    const octal = match(/[0-3]?[0-7]{1,2}/y, text, at + 1);
    if (octal !== '') {
      result += String.fromCharCode(Number.parseInt(octal, 8));
      at += 1 + octal.length;
      continue;
    }
    const escaped = text[at + 1];
    if (escaped === undefined) return null;
    result += escapes[escaped] ?? escaped;
    at += 2;
  }
  return at < text.length ? { text: result, end: at + 1 } : null;
}
