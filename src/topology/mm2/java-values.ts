// Values of properties as Kafka's ConfigDef.parseType takes them: blanks around them do not count. Undefined, with a fault
// told, for what Java would refuse or read as something that nobody means.
import { quote } from '../describe.ts';
import { nearestName } from '../did-you-mean.ts';
import type { Property, Reporter } from './types.ts';

/** The value in quotes, unless a config provider gave it. */
export function shown({ value, isReferenced }: Property): string {
  return isReferenced === true ? 'a value from a config provider (not shown)' : quote(value);
}

/** `true` or `false` in any case. Boolean.parseBoolean reads everything else as false, and ConfigDef refuses it. */
export function booleanOf(property: Property, report: Reporter): boolean | undefined {
  const text = property.value.trim().toLowerCase();
  if (text === 'true' || text === 'false') return text === 'true';
  report.fault(property, {
    found: `${shown(property)}, which Java reads as false or refuses`,
    expected: 'true or false',
    suggestion: ['yes', 'on', '1', 'enabled'].includes(text) ? 'true' : nearestName(text, ['true', 'false']),
  });
  return undefined;
}

/** A whole number within bounds; the fault says what was expected, by default the bounds. */
export function wholeNumberOf(
  property: Property,
  { min, max }: { readonly min: number; readonly max: number },
  report: Reporter,
  expected = `a whole number from ${min} to ${max}`,
): number | undefined {
  const text = property.value.trim();
  const number = /^[+-]?\d{1,18}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  report.fault(property, { found: shown(property), expected });
  return undefined;
}

/** Items between commas, none empty, none twice. */
export function listOf(property: Property, report: Reporter): string[] {
  const text = property.value.trim();
  if (text === '') return [];
  const items = text.split(/\s*,\s*/);
  const seen = new Set<string>();
  for (const item of items) {
    if (item === '')
      report.fault(property, { found: 'an empty item between commas', expected: 'items as in a, b' });
    else if (seen.has(item))
      report.fault(property, {
        found: property.isReferenced === true ? 'an item a second time' : `${quote(item)} a second time`,
        expected: 'each item once',
      });
    seen.add(item);
  }
  return [...seen].filter((item) => item !== '');
}
