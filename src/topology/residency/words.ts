// Labels and rules in words, as people wrote them.
import type { LabelSelector, Labels, ResidencyRule } from './types.ts';

/** `pii-stays: topics data: pii never residency: us or uk (GDPR)`. */
export function ruleText({ name, topics, from, never, only, reason }: ResidencyRule): string {
  const parts = [
    `topics ${selectorText(topics)}`,
    from && `from ${selectorText(from)}`,
    never && `never ${selectorText(never)}`,
    only && `only ${selectorText(only)}`,
    reason !== undefined && `(${reason})`,
  ];
  return `${name}: ${parts.filter(Boolean).join(' ')}`;
}

function selectorText(selector: LabelSelector): string {
  return Object.entries(selector)
    .map(([key, values]) => `${key}: ${values.join(' or ')}`)
    .join(', ');
}

/** `residency: eu, tier: 1`. */
export function labelsText(labels: Labels): string {
  const text = Object.entries(labels).map(([key, value]) => `${key}: ${value}`);
  return text.length === 0 ? 'no labels' : text.join(', ');
}
