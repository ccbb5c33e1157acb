import { expect, test } from 'vitest';
import { parseTopology } from './load.ts';

const file = (apTopics: string): string => `version: 1
clusters:
  us: { bootstrap: ["us:9092"] }
  eu: { bootstrap: ["eu:9092"] }
  ap: { bootstrap: ["ap:9092"] }
links:
  us-to-eu: { source: us, destination: eu, topics: [orders], prefix: u. }
  eu-to-ap: { source: eu, destination: ap, topics: ["u\\\\..*"], prefix: e. }
  ap-to-us: { source: ap, destination: us, topics: ${apTopics} }
`;

const faultOf = (text: string): string => {
  try {
    parseTopology(text, 'lockstep.yaml', { folder: '/', environment: {}, readFile: () => '' });
    return 'none';
  } catch (error) {
    return (error as Error).message;
  }
};

test('a circle over three clusters is a fault of the file, with its place and the way drawn', () => {
  expect(faultOf(file('["prefix:e."]'))).toMatch(
    /^lockstep\.yaml:9:\d+: found a loop: us\.orders -> eu\.u\.orders -> ap\.e\.u\.orders -> us\.e\.u\.orders/,
  );
  expect(faultOf(file('[stock]'))).toBe('none');
});
