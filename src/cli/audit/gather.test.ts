// What an audit goes by where the file has no rules.
import { expect, test } from 'vitest';
import { standingTogether } from './gather.ts';

test('the rules of every fleet count, whichever changed more often', () => {
  const rule = (name: string) => ({ name, topics: { data: ['pii'] }, never: { residency: ['us'] } });
  const labels = { topics: ['customers'], labels: { data: 'pii' } };
  const eu = { labels: { residency: 'eu' } };
  const together = standingTogether([
    {
      atMs: 2,
      clusters: { eu, us: { labels: { residency: 'us' } } },
      topicLabels: [labels],
      rules: [rule('one')],
    },
    { atMs: 1, clusters: { us: { labels: {} } }, topicLabels: [labels], rules: [rule('one'), rule('two')] },
  ]);
  expect(together).toEqual({
    clusters: { eu, us: { labels: { residency: 'us' } } },
    topicLabels: [labels],
    rules: [rule('one'), rule('two')],
  });
});
