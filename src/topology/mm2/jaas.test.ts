// sasl.jaas.config: what Kafka's JaasConfig of 4.3.1 made of the same texts, and what it refused.
import { expect, test } from 'vitest';
import { parseJaas } from './jaas.ts';

const understood: [text: string, options: Record<string, string>][] = [
  [`a.B required username="al\\"i\\\\ce" password='p;w\\101';`, { username: 'al"i\\ce', password: 'p;wA' }],
  ['a.B required;', {}],
  ['a.B REQUIRED u=x;', { u: 'x' }],
  ['"a.B" required u=x;', { u: 'x' }],
  ['a.B required "u"="x";', { u: 'x' }],
  ['a.B required u=éx_$-1.5;', { u: 'éx_$-1.5' }],
  ['a.B required u="";', { u: '' }],
  ['a.B required u="\\u0041\\z\\400";', { u: 'u0041z 0' }],
  ['a.B required /* c */ u="x" // d\n;', { u: 'x' }],
  ['  a.B\n  required\tu = "x" ;  ', { u: 'x' }],
  ['a.B required u="a" u="b";', { u: 'b' }],
];

test.each(understood)('%s', (text, options) => {
  expect(parseJaas(text)).toEqual({ module: 'a.B', options });
});

const refused: [text: string, found: string][] = [
  ['', 'no login module'],
  ['a.B', 'a login module without a flag'],
  ['a.B;', 'a login module without a flag'],
  ['a.B password="SECRET";', 'no flag behind the login module'],
  ['a.B required password=123;', 'a number as the value of password, which Java refuses'],
  ['a.B required password=12SECRET;', 'a number as the value of password, which Java refuses'],
  ['a.B required password=-SECRET-;', 'a number as the value of password, which Java refuses'],
  ['a.B required password=;', 'password without a value'],
  ['a.B required password;', 'an option without a value'],
  ['a.B required password=a SECRET;', 'an option without a value'],
  ['a.B required password=a#SECRET;', 'a character that belongs to no option'],
  ['a.B required password="SECRET;', 'a quote that is not closed'],
  ['a.B required password="SEC\nRET";', 'a quote that is not closed'],
  ['a.B required password="SECRET"', "no ';' at the end"],
  ['a.B required password=a/SECRET;', "no ';' at the end"],
  ['a.B required; a.C required password="SECRET";', 'a second login module'],
];

test.each(refused)('%s is refused without its secret', (text, found) => {
  const result = parseJaas(text);
  expect(result).toMatchObject({ found });
  expect(JSON.stringify(result)).not.toContain('SEC');
});
