// A missing right is named, with the command that gives it.
import { expect, test } from 'vitest';
import { kafkaFailure } from './kafka-failure.ts';
import { describeRight, grantCommand } from './rights.ts';

test.each([
  ['cluster', 'the cluster', '--cluster'],
  [{ topic: "it's" }, "topic it's", "--topic 'it'\\''s'"],
  [{ group: 'readers' }, 'group readers', "--group 'readers'"],
  [{ transactionalId: 'tx' }, 'transactional id tx', "--transactional-id 'tx'"],
] as const)('%o', (resource, what, option) => {
  const right = { operation: 'DescribeConfigs', resource } as const;
  expect(describeRight(right)).toBe(`DESCRIBE_CONFIGS on ${what}`);
  expect(grantCommand('eu-west', right)).toBe(
    `kafka-acls --bootstrap-server <address of eu-west> --add --allow-principal User:<this user> --operation DescribeConfigs ${option}`,
  );
});

test('a refusal names the right that was asked for; any other failure does not', () => {
  const right = { operation: 'Read', resource: { topic: 'orders' } } as const;
  const context = { cluster: 'eu-west', what: 'reading topic orders', right };
  expect(kafkaFailure(29, context)).toMatchObject({
    code: 'NOT_AUTHORIZED',
    message: expect.stringMatching(
      /TOPIC_AUTHORIZATION_FAILED.* Needed is READ on topic orders: kafka-acls .* --operation Read --topic 'orders'\.$/,
    ),
    detail: { right: 'READ on topic orders' },
  });
  expect(kafkaFailure(3, context).message).not.toContain('kafka-acls');
  expect(kafkaFailure(29, { ...context, right: undefined }).message).toMatch(/Grant this user the right/);
});
