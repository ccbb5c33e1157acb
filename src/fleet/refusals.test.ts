import { describe, expect, test } from 'vitest';
import { Refusals } from './refusals.ts';

const refusals = () => new Refusals({ cluster: 'eu-west', groupId: 'lockstep' });

describe('a refusal in words', () => {
  test('names the request, and Kafka’s name and number', () => {
    expect(refusals().text('SyncGroup', 22)).toMatch(
      /^SyncGroup was refused with ILLEGAL_GENERATION \(22\): /,
    );
  });
  test.each([
    [23, /another application uses the group id lockstep: see kafka-consumer-groups/],
    [24, /Choose another group id\.$/],
    [26, /group\.min\.session\.timeout\.ms/],
    [30, /Grant this user READ on group lockstep: kafka-acls/],
    [81, /Raise group\.max\.size/],
  ])('%i says what a person can do', (errorCode, way) => {
    expect(refusals().text('JoinGroup', errorCode)).toMatch(way);
  });
});

describe('a refusal is told', () => {
  test('once, until another one comes or things go well', () => {
    const told = refusals();
    expect(told.news('no')).toBe('group lockstep: no');
    expect(told.news('no')).toBeNull();
    expect(told.news('never')).toBe('group lockstep: never');
    told.passed();
    expect(told.news('never')).toBe('group lockstep: never');
  });
});

test('one that does not get better by itself is an error, of its own code where rights lack', () => {
  const { code, message, detail } = refusals().error(30, 'JoinGroup was refused');
  expect({ code, message }).toEqual({
    code: 'NOT_AUTHORIZED',
    message: 'cluster eu-west: group lockstep: JoinGroup was refused',
  });
  expect(detail).toMatchObject({ cluster: 'eu-west', number: 30 });
  expect(refusals().error(24, '').code).toBe('KAFKA_ERROR');
});
