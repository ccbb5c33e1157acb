import { expect, test } from 'vitest';
import { type NodeConfig, nodeProperties, renderLogging, renderProperties } from './node-config.ts';

const node: NodeConfig = {
  id: 1,
  roles: 'broker,controller',
  dataDirectory: '/tmp/data',
  ports: { PLAINTEXT: 20001, SASL_SSL: 20002 },
  controllerPort: 20003,
  voters: [
    { id: 1, port: 20003 },
    { id: 2, port: 20004 },
  ],
  interBrokerListener: 'PLAINTEXT',
  brokerCount: 3,
  securityConfig: {},
  brokerConfig: {},
};

test('a voting broker opens its client listeners and the controller listener, and advertises only the former', () => {
  const properties = nodeProperties(node);
  expect(properties.listeners).toBe(
    'PLAINTEXT://127.0.0.1:20001,SASL_SSL://127.0.0.1:20002,CONTROLLER://127.0.0.1:20003',
  );
  expect(properties['advertised.listeners']).toBe('PLAINTEXT://127.0.0.1:20001,SASL_SSL://127.0.0.1:20002');
  expect(properties['controller.quorum.voters']).toBe('1@127.0.0.1:20003,2@127.0.0.1:20004');
});

test('a broker that does not vote opens no controller listener', () => {
  const properties = nodeProperties({ ...node, id: 4, roles: 'broker', controllerPort: null });
  expect(properties['process.roles']).toBe('broker');
  expect(properties.listeners).not.toContain('CONTROLLER');
});

test('a process that is only a controller advertises nothing', () => {
  const properties = nodeProperties({ ...node, id: 100, roles: 'controller', ports: {} });
  expect(properties.listeners).toBe('CONTROLLER://127.0.0.1:20003');
  expect(properties).not.toHaveProperty('advertised.listeners');
  expect(properties).not.toHaveProperty('inter.broker.listener.name');
});

test.each([
  [1, '1', '1'],
  [2, '2', '1'],
  [3, '3', '2'],
  [5, '3', '2'],
])(
  'with %i brokers internal topics have %s replicas, %s of them in sync',
  (brokerCount, replicas, inSync) => {
    const properties = nodeProperties({ ...node, brokerCount });
    expect(properties['offsets.topic.replication.factor']).toBe(replicas);
    expect(properties['transaction.state.log.replication.factor']).toBe(replicas);
    expect(properties['transaction.state.log.min.isr']).toBe(inSync);
  },
);

test("the caller's settings win over ours and over those of security", () => {
  const properties = nodeProperties({
    ...node,
    securityConfig: { 'super.users': 'User:a', 'num.io.threads': '3' },
    brokerConfig: { 'auto.create.topics.enable': 'true', 'super.users': 'User:b' },
  });
  expect(properties['auto.create.topics.enable']).toBe('true');
  expect(properties['super.users']).toBe('User:b');
  expect(properties['num.io.threads']).toBe('3');
});

test('a properties file escapes what Java would read otherwise', () => {
  expect(renderProperties({ path: 'C:\\data', text: ' a\nb', 'key with:signs': 'x=y' })).toBe(
    'path=C:\\\\data\ntext=\\ a\\nb\nkey\\ with\\:signs=x=y\n',
  );
});

test('both logging flavours write to the given file and bound its size', () => {
  expect(renderLogging('log4j2', '/r/server.log')).toMatch(
    /fileName=\/r\/server\.log\n[\s\S]*size\.size=10MB/,
  );
  expect(renderLogging('reload4j', '/r/server.log')).toMatch(
    /file\.File=\/r\/server\.log\n[\s\S]*MaxFileSize=10MB/,
  );
});
