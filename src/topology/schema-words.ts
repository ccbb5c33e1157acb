// The building blocks of the schemas: each with its own words for what is expected (behind "expected" in a problem
// line) and a description for editors.
import { z } from 'zod';

/** Longest list of topics, groups or addresses: a bound against runaway generated files. */
const listItemsMax = 10_000;
const itemCharsMax = 1_000;

/** A string with its own words for what is expected. */
export function text(expected: string, description: string) {
  return z
    .string({ error: expected })
    .min(1, { error: expected })
    .max(65_536, { error: expected })
    .describe(description);
}

export function wholeNumber(min: number, max: number, description: string) {
  const error = `a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error }).describe(description);
}

export function oneOf<const Value extends string>(values: readonly [Value, ...Value[]], description: string) {
  return z.enum(values, { error: `one of ${values.join(', ')}` }).describe(description);
}

export function list(expected: string, itemExpected: string, description: string, itemsMin = 0) {
  const item = z
    .string({ error: itemExpected })
    .min(1, { error: itemExpected })
    .max(itemCharsMax, { error: `${itemExpected} of at most ${itemCharsMax} characters` });
  return z
    .array(item, { error: expected })
    .min(itemsMin, { error: expected })
    .max(listItemsMax, { error: `at most ${listItemsMax} items` })
    .describe(description);
}

export function yesOrNo(description: string) {
  return z.boolean({ error: 'true or false' }).describe(description);
}
