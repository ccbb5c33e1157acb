import { beforeEach, describe, expect, test } from 'vitest';
import { acl, FakeRights, FakeStore } from '../../../test/support/fake-rights.ts';
import { isAllowed } from '../../../test/support/model-authorizer.ts';
import { LockstepError } from '../../errors.ts';
import { RuleSync, type RuleSyncConfig } from './rule-sync.ts';
import type { MirrorOfLink } from './types.ts';

let source: FakeRights;
let destination: FakeRights;
let store: FakeStore;
let mirrors: MirrorOfLink[];
let nowMs: number;
let notices: string[];
let config: RuleSyncConfig;

beforeEach(() => {
  source = new FakeRights();
  destination = new FakeRights();
  store = new FakeStore();
  mirrors = [mirrorOf('orders')];
  nowMs = 1_000_000;
  notices = [];
  config = {
    settings: { everyMs: 5_000, resources: ['topic', 'group', 'transactionalId'], withholdWrites: true },
    selects: () => true,
  };
});

function mirrorOf(sourceTopic: string, prefix = ''): MirrorOfLink {
  return { sourceTopic, mirrorTopic: `${prefix}${sourceTopic}`, isPromoted: false };
}

function begin(principal: string | null | (() => string) = 'User:agent'): RuleSync {
  return new RuleSync({
    source,
    destination,
    store,
    mirrors: () => mirrors,
    agentPrincipal: typeof principal === 'function' ? principal : () => principal,
    wallClockMs: () => nowMs,
    onNotice: (_level, text) => notices.push(text),
  });
}

const sourceHas = (...rules: string[]) => source.add(...rules.map(acl));
const destinationHas = (...rules: string[]) => destination.add(...rules.map(acl));

describe('what is copied', () => {
  const cases: [name: string, source: string[], destination: string[]][] = [
    [
      'READ on the topic',
      ['ALLOW User:a READ on TOPIC LITERAL orders'],
      ['ALLOW User:a READ on TOPIC LITERAL us.orders from *'],
    ],
    [
      'a prefix becomes the mirrors it matches, not a prefix',
      ['ALLOW User:a READ on TOPIC PREFIXED ord'],
      ['ALLOW User:a READ on TOPIC LITERAL us.orders from *'],
    ],
    [
      'a wildcard becomes the mirrors, not a wildcard',
      ['ALLOW User:* DESCRIBE on TOPIC LITERAL *'],
      ['ALLOW User:* DESCRIBE on TOPIC LITERAL us.orders from *'],
    ],
    [
      'another topic is nothing to us',
      ['ALLOW User:a READ on TOPIC LITERAL others', 'ALLOW User:a READ on TOPIC PREFIXED orders-'],
      [],
    ],
    [
      'the host is kept',
      ['ALLOW User:a READ on TOPIC LITERAL orders from 10.0.0.1'],
      ['ALLOW User:a READ on TOPIC LITERAL us.orders from 10.0.0.1'],
    ],
    [
      'WRITE and what else changes a mirror waits',
      [
        'ALLOW User:a WRITE on TOPIC LITERAL orders',
        'ALLOW User:a DELETE on TOPIC LITERAL orders',
        'ALLOW User:a ALTER on TOPIC LITERAL orders',
        'ALLOW User:a ALTER_CONFIGS on TOPIC LITERAL orders',
        'ALLOW User:a CREATE on TOPIC LITERAL orders',
      ],
      [],
    ],
    [
      'of ALL the reading part',
      ['ALLOW User:a ALL on TOPIC LITERAL orders'],
      ['READ', 'DESCRIBE', 'DESCRIBE_CONFIGS'].map(
        (operation) => `ALLOW User:a ${operation} on TOPIC LITERAL us.orders from *`,
      ),
    ],
    [
      'groups and transactional ids as they are',
      ['ALLOW User:a READ on GROUP PREFIXED app-', 'ALLOW User:a WRITE on TRANSACTIONAL_ID LITERAL *'],
      [
        'ALLOW User:a READ on GROUP PREFIXED app- from *',
        'ALLOW User:a WRITE on TRANSACTIONAL_ID LITERAL * from *',
      ],
    ],
    [
      'nothing on the cluster, tokens or users',
      [
        'ALLOW User:a ALTER on CLUSTER LITERAL kafka-cluster',
        'ALLOW User:a DESCRIBE on DELEGATION_TOKEN LITERAL t',
      ],
      [],
    ],
    [
      'nothing for the agent',
      ['ALLOW User:agent READ on TOPIC LITERAL orders', 'DENY User:agent WRITE on TOPIC LITERAL orders'],
      [],
    ],
    [
      'a DENY with a name',
      ['DENY User:a READ on TOPIC PREFIXED ord'],
      ['DENY User:a READ on TOPIC LITERAL us.orders from *'],
    ],
    [
      'a DENY for everybody as one for each whose ALLOW is copied',
      ['DENY User:* READ on TOPIC LITERAL orders from 10.0.0.1', 'ALLOW User:a READ on TOPIC LITERAL orders'],
      [
        'ALLOW User:a READ on TOPIC LITERAL us.orders from *',
        'DENY User:a READ on TOPIC LITERAL us.orders from 10.0.0.1',
      ],
    ],
    [
      'no ALLOW of which a DENY for everybody leaves nothing',
      ['DENY User:* ALL on TOPIC LITERAL orders', 'ALLOW User:a READ on TOPIC LITERAL orders'],
      [],
    ],
    [
      'no ALLOW for everybody that a DENY for everybody cuts',
      ['DENY User:* READ on TOPIC LITERAL orders from 10.0.0.1', 'ALLOW User:* READ on TOPIC LITERAL orders'],
      [],
    ],
  ];
  test.each(cases)('%s', async (_name, given, expected) => {
    mirrors = [mirrorOf('orders', 'us.')];
    sourceHas(...given);
    await begin().look(config);
    expect(destination.shown).toEqual([...expected].sort());
  });

  test('a DENY for everybody from one host leaves the ALLOW from the others', async () => {
    sourceHas(
      'DENY User:* ALL on TOPIC LITERAL orders from 10.0.0.1',
      'ALLOW User:a READ on TOPIC LITERAL orders',
    );
    await begin().look(config);
    expect(destination.shown).toEqual([
      'ALLOW User:a READ on TOPIC LITERAL orders from *',
      'DENY User:a ALL on TOPIC LITERAL orders from 10.0.0.1',
    ]);
  });

  test('DENYs are made before ALLOWs and removed after them', async () => {
    const [allow, deny] = [
      'ALLOW User:* READ on TOPIC LITERAL orders',
      'DENY User:b READ on TOPIC LITERAL orders',
    ];
    sourceHas(allow, deny);
    const steps: string[] = [];
    destination.onStep = (step) => steps.push(step);
    const sync = begin();
    await sync.look(config);
    source.acls.clear();
    await sync.look(config);
    expect(steps).toEqual([
      `made ${deny} from *`,
      `made ${allow} from *`,
      `deleted ${allow} from *`,
      `deleted ${deny} from *`,
    ]);
  });

  test('a new mirror and a new choice of kinds are noticed at the next look', async () => {
    sourceHas('ALLOW User:a READ on TOPIC LITERAL *', 'ALLOW User:a READ on GROUP LITERAL app');
    const sync = begin();
    for (let look = 0; look < 3; look += 1) await sync.look(config);
    mirrors.push(mirrorOf('payments'));
    await sync.look(config);
    expect(destination.shown).toContain('ALLOW User:a READ on TOPIC LITERAL payments from *');
    for (let look = 0; look < 3; look += 1) await sync.look(config);
    await sync.look({ ...config, settings: { ...config.settings, resources: ['topic'] } });
    expect(destination.shown.join()).not.toContain('GROUP');
  });

  test('principals that are not selected stay away, but a DENY that narrows a copied ALLOW comes along', async () => {
    sourceHas(
      'ALLOW User:* READ on TOPIC LITERAL orders',
      'DENY User:b READ on TOPIC LITERAL orders',
      'ALLOW User:c READ on TOPIC LITERAL orders',
    );
    await begin().look({ ...config, selects: (principal) => principal === 'User:*' });
    expect(destination.shown).toEqual([
      'ALLOW User:* READ on TOPIC LITERAL orders from *',
      'DENY User:b READ on TOPIC LITERAL orders from *',
    ]);
  });

  test('only the kinds that are asked for', async () => {
    sourceHas('ALLOW User:a READ on TOPIC LITERAL orders', 'ALLOW User:a READ on GROUP LITERAL app');
    await begin().look({ ...config, settings: { ...config.settings, resources: ['group'] } });
    expect(destination.shown).toEqual(['ALLOW User:a READ on GROUP LITERAL app from *']);
  });
});

describe('ours and not ours', () => {
  const rule = 'ALLOW User:a READ on TOPIC LITERAL orders';

  test('a rule goes when the source takes it away, unless somebody had made it before', async () => {
    sourceHas(rule, 'ALLOW User:b READ on TOPIC LITERAL orders');
    destinationHas(rule);
    const sync = begin();
    await sync.look(config);
    expect(destination.acls.size).toBe(2);
    source.acls.clear();
    await sync.look(config);
    expect(destination.shown).toEqual([`${rule} from *`]);
  });

  test('the record is written first: a keeper that dies in between leaves nothing that nobody takes away', async () => {
    sourceHas(rule);
    destination.onStep = (step) => {
      if (step.startsWith('made')) throw new LockstepError('CONNECTION_CLOSED', 'dies');
    };
    await begin().look(config);
    expect(destination.acls.size, 'it was made, and nobody heard').toBe(1);
    source.acls.clear();
    destination.onStep = () => {};
    await begin().look(config);
    expect(destination.acls.size).toBe(0);
    expect(store.values.size).toBe(0);
  });

  test('a record of another version is not touched, nor is its rule', async () => {
    sourceHas(rule);
    await begin().look(config);
    const [key, value] = [...store.values].find(([name]) => name.startsWith('rule/'))!;
    store.values.set(key, { ...(value as object), v: 2 });
    source.acls.clear();
    const sync = begin();
    await sync.look(config);
    expect(destination.acls.size).toBe(1);
    expect(sync.status.warnings).toEqual([expect.stringContaining('another version')]);
  });

  test('a topic that is no mirror any more keeps its rules', async () => {
    sourceHas(rule);
    mirrors.push(mirrorOf('payments'));
    const sync = begin();
    await sync.look(config);
    mirrors = [mirrorOf('payments')];
    source.acls.clear();
    await sync.look(config);
    expect(destination.shown).toEqual([`${rule} from *`]);
  });

  test('a source that does not answer takes nothing away, also after a change of the leader', async () => {
    sourceHas(rule);
    await begin().look(config);
    source.failure = new LockstepError('CLUSTER_UNREACHABLE', 'the source is down');
    const sync = begin();
    await sync.look(config);
    expect(sync.status).toMatchObject({
      state: 'SourceSilent',
      reason: 'the source is down',
      copiedCount: 1,
    });
    expect(destination.acls.size).toBe(1);
    source.failure = null;
    source.hasAuthorizer = false;
    await sync.look(config);
    expect(sync.status.state).toBe('SourceSilent');
    expect(destination.acls.size).toBe(1);
  });
});

describe('somebody else who keeps removing', () => {
  const rule = 'ALLOW User:a READ on TOPIC LITERAL orders';
  async function removedThreeTimes(sync: RuleSync): Promise<void> {
    for (let time = 0; time < 3; time += 1) {
      nowMs += 60_000;
      await sync.look(config);
      await sync.look(config);
      expect(destination.has(acl(rule))).toBe(true);
      destination.remove(acl(rule));
    }
    await sync.look(config);
  }

  test('owns the rule after three times; it is made again after an hour', async () => {
    sourceHas(rule);
    const sync = begin();
    await removedThreeTimes(sync);
    expect(sync.status).toMatchObject({
      state: 'ForeignOwner',
      foreign: [{ removedCount: 3, resumesAtMs: nowMs + 3_600_000 }],
    });
    expect(notices).toContainEqual(
      expect.stringMatching(
        /ForeignOwner: somebody else removed ALLOW User:a READ .* 3 times; left alone until/,
      ),
    );
    nowMs += 3_599_000;
    await sync.look(config);
    expect(destination.acls.size).toBe(0);
    nowMs += 2_000;
    await sync.look(config);
    expect(destination.acls.size).toBe(1);
    expect(sync.status.state).toBe('Current');
  });

  test('is forgotten when the link is altered', async () => {
    sourceHas(rule);
    const sync = begin();
    await removedThreeTimes(sync);
    await sync.resume();
    await sync.look(config);
    expect(destination.acls.size).toBe(1);
  });

  test('three times over a long time is nobody', async () => {
    sourceHas(rule);
    const sync = begin();
    for (let time = 0; time < 6; time += 1) {
      nowMs += 2_000_000;
      await sync.look(config);
      await sync.look(config);
      expect(sync.status.state).toBe('Current');
      destination.remove(acl(rule));
    }
  });

  test('a DENY that is left away takes the ALLOW along that it narrows', async () => {
    const deny = 'DENY User:b READ on TOPIC LITERAL orders';
    sourceHas('ALLOW User:* READ on TOPIC LITERAL orders', deny);
    const sync = begin();
    for (let time = 0; time < 3; time += 1) {
      await sync.look(config);
      await sync.look(config);
      destination.remove(acl(deny));
    }
    await sync.look(config);
    expect(sync.status.state).toBe('ForeignOwner');
    expect(destination.shown).toEqual([]);
  });

  test('does not hold up a promotion', async () => {
    sourceHas(rule);
    const sync = begin();
    await removedThreeTimes(sync);
    await sync.release(config, ['orders']);
    expect(destination.shown).toEqual([`${rule} from *`]);
  });
});

describe('writing to a mirror', () => {
  const deniedTo = () =>
    [...destination.acls.values()].flatMap(({ permission, operation, principal }) =>
      permission === 'DENY' && operation === 'WRITE' ? [principal] : [],
    );
  const cases: [rule: string, denied: string[]][] = [
    ['ALLOW User:a WRITE on TOPIC LITERAL orders', ['User:a']],
    ['ALLOW User:a WRITE on TOPIC PREFIXED ord', ['User:a']],
    ['ALLOW User:a ALL on TOPIC LITERAL *', ['User:a']],
    ['ALLOW User:a WRITE on TOPIC LITERAL orders from 10.0.0.1', ['User:a']],
    ['ALLOW User:agent WRITE on TOPIC LITERAL *', []],
    ['ALLOW User:a READ on TOPIC LITERAL orders', []],
    ['ALLOW User:a WRITE on TOPIC LITERAL others', []],
    ['ALLOW User:a WRITE on GROUP LITERAL orders', []],
  ];
  test.each(cases)('%s: denied to %j', async (rule, denied) => {
    destinationHas(rule);
    const sync = begin();
    await sync.look(config);
    expect(deniedTo()).toEqual(denied);
    expect(sync.status).toMatchObject({ protectedCount: 1, unprotected: [], deniedCount: denied.length });
  });

  test('is denied again to whoever is allowed later, and allowed again when the rule goes', async () => {
    const sync = begin();
    await sync.look(config);
    destinationHas('ALLOW User:late WRITE on TOPIC LITERAL *');
    await sync.look(config);
    expect(deniedTo()).toEqual(['User:late']);
    destination.remove(acl('ALLOW User:late WRITE on TOPIC LITERAL *'));
    await sync.look(config);
    expect(deniedTo()).toEqual([]);
  });

  test('everybody: who has a name is denied, and the mirror is Unprotected', async () => {
    destinationHas('ALLOW User:* WRITE on TOPIC LITERAL *', 'ALLOW User:known READ on GROUP LITERAL g');
    destination.scram.set('scrammed', { mechanisms: ['SCRAM-SHA-512'], password: '' });
    const sync = begin();
    await sync.look(config);
    expect(deniedTo().sort()).toEqual(['User:known', 'User:scrammed']);
    expect(sync.status).toMatchObject({
      protectedCount: 0,
      unprotected: [{ topic: 'orders', writers: ['User:*'] }],
    });
    expect(
      notices.filter((text) => text.startsWith('Unprotected: mirror orders: User:* may write')),
    ).toHaveLength(1);
    await sync.look(config);
    expect(notices.filter((text) => text.startsWith('Unprotected'))).toHaveLength(1);
  });

  test("the user's own DENY is not ours, and a DENY for everybody protects", async () => {
    destinationHas('ALLOW User:a WRITE on TOPIC LITERAL *', 'DENY User:a WRITE on TOPIC LITERAL orders');
    const sync = begin();
    await sync.look(config);
    await sync.release(config, ['orders']);
    expect(deniedTo()).toEqual(['User:a']);
  });

  test('an agent that does not know its own name leaves those alone who may make rules', async () => {
    destinationHas(
      'ALLOW User:x ALTER on CLUSTER LITERAL kafka-cluster',
      'ALLOW User:x ALL on TOPIC LITERAL *',
      'ALLOW User:a WRITE on TOPIC LITERAL *',
    );
    const sync = begin(null);
    await sync.look(config);
    expect(deniedTo()).toEqual(['User:a']);
  });

  test('a super user denies everybody who has a name, and is not kept from copying', async () => {
    destination.leniencyFound = 'unknown';
    destinationHas(
      'ALLOW User:x ALTER on CLUSTER LITERAL kafka-cluster',
      'ALLOW User:x ALL on TOPIC PREFIXED ord',
    );
    sourceHas('ALLOW User:a READ on TOPIC LITERAL pay');
    mirrors.push(mirrorOf('pay'), mirrorOf('bare'));
    const sync = begin(null);
    await sync.look(config);
    expect(deniedTo()).toEqual(['User:x']);
    expect(destination.has(acl('ALLOW User:a READ on TOPIC LITERAL pay'))).toBe(true);
    expect(sync.status.unprotected).toMatchObject([{ topic: 'bare', writers: [] }]);
  });

  test("a DENY that hits the agent itself is taken back, and the agent's name is not believed any more", async () => {
    destination.agent = 'User:really';
    destinationHas(
      'ALLOW User:really ALTER on CLUSTER LITERAL kafka-cluster',
      'ALLOW User:really ALL on TOPIC LITERAL *',
      'ALLOW User:a WRITE on TOPIC LITERAL *',
    );
    const sync = begin('User:wrong');
    await sync.look(config);
    expect(deniedTo()).toEqual([]);
    expect(notices).toContainEqual(expect.stringContaining('hit this agent itself and was taken back'));
    await sync.look(config);
    expect(deniedTo()).toEqual(['User:a']);
    expect(await destination.writable(['orders'])).toEqual(new Set(['orders']));
  });

  test('is looked at again where a broker did not answer what it did', async () => {
    destination.agent = 'User:really';
    destinationHas(
      'ALLOW User:really ALTER on CLUSTER LITERAL kafka-cluster',
      'ALLOW User:really ALL on TOPIC LITERAL *',
    );
    const sync = begin('User:wrong');
    destination.untilShown = async () => {
      throw new LockstepError('CLUSTER_UNREACHABLE', 'broker 2 is down');
    };
    await sync.look(config);
    expect(sync.status.state).toBe('Failed');
    expect(deniedTo()).toEqual(['User:really']);
    destination.untilShown = async () => {};
    await sync.look(config);
    expect(deniedTo()).toEqual([]);
    expect(notices).toContainEqual(expect.stringContaining('hit this agent itself and was taken back'));
  });

  test('is given back to the agent where its credentials become those of another user, and left to the former', async () => {
    destinationHas(
      'ALLOW User:blue ALL on TOPIC LITERAL *',
      'ALLOW User:green ALL on TOPIC LITERAL *',
      'ALLOW User:a WRITE on TOPIC LITERAL *',
    );
    let agent = 'User:blue';
    const sync = begin(() => agent);
    await sync.look(config);
    expect(deniedTo()).toEqual(['User:a', 'User:green']);
    agent = 'User:green';
    await sync.look(config);
    expect(deniedTo()).toEqual(['User:a']);
    expect(sync.status.unprotected).toMatchObject([{ topic: 'orders', writers: ['User:blue'] }]);
  });

  test('where nothing tells who the agent is, nobody is denied', async () => {
    destination.agent = 'User:really';
    destinationHas('ALLOW User:really ALL on TOPIC LITERAL *', 'ALLOW User:other ALTER on CLUSTER LITERAL *');
    const sync = begin(null);
    for (let look = 0; look < 4; look += 1) await sync.look(config);
    expect(deniedTo()).toEqual([]);
    expect(sync.status.unprotected).toMatchObject([{ topic: 'orders', writers: ['User:really'] }]);
  });

  test('no authorizer: Unprotected', async () => {
    destination.hasAuthorizer = false;
    const sync = begin();
    await sync.look(config);
    expect(sync.status).toMatchObject({
      state: 'NoAuthorizer',
      unprotected: [{ topic: 'orders', writers: ['User:*'] }],
    });
    await sync.release(config, ['orders']);
  });

  test('topics without rules are open: Unprotected; the first rule of ours lets the agent in before', async () => {
    destination.leniencyFound = 'on';
    const sync = begin();
    await sync.look(config);
    expect(sync.status).toMatchObject({
      protectedCount: 0,
      unprotected: [{ topic: 'orders', writers: ['User:*'] }],
    });
    sourceHas('ALLOW User:a READ on TOPIC LITERAL orders');
    const steps: string[] = [];
    destination.onStep = (step) => steps.push(step);
    await sync.look(config);
    expect(steps).toEqual([
      'made ALLOW User:agent ALL on TOPIC LITERAL orders from *',
      'made ALLOW User:a READ on TOPIC LITERAL orders from *',
    ]);
    expect(sync.status).toMatchObject({ protectedCount: 1, unprotected: [] });
  });

  test('topics without rules are open and the agent has no name: no first rule is made', async () => {
    destination.leniencyFound = 'on';
    sourceHas('ALLOW User:a READ on TOPIC LITERAL orders');
    const sync = begin(null);
    await sync.look(config);
    expect(destination.shown).toEqual([]);
    expect(sync.status.warnings).toContainEqual(expect.stringMatching(/^not made: ALLOW User:a READ/));
  });

  test('withholdWrites: false copies everything at once and says who may write', async () => {
    sourceHas('ALLOW User:a WRITE on TOPIC LITERAL orders');
    const sync = begin();
    await sync.look({ ...config, settings: { ...config.settings, withholdWrites: false } });
    expect(destination.shown).toEqual(['ALLOW User:a WRITE on TOPIC LITERAL orders from *']);
    expect(sync.status.unprotected).toMatchObject([{ topic: 'orders', writers: ['User:a'] }]);
  });
});

describe('promotion', () => {
  beforeEach(() => {
    sourceHas('ALLOW User:a ALL on TOPIC PREFIXED ord', 'ALLOW User:b WRITE on TOPIC LITERAL orders');
    destinationHas('ALLOW User:c WRITE on TOPIC LITERAL *');
  });
  const promoted = [
    'ALLOW User:a ALL on TOPIC LITERAL orders from *',
    'ALLOW User:b WRITE on TOPIC LITERAL orders from *',
    'ALLOW User:c WRITE on TOPIC LITERAL * from *',
  ];

  test('gives what was withheld, lifts our denies, and lets go of the topic', async () => {
    const sync = begin();
    await sync.look(config);
    expect(sync.status.withheldCount).toBe(2);
    expect(destination.shown).toContain('DENY User:c WRITE on TOPIC LITERAL orders from *');
    await sync.release(config, ['orders']);
    expect(destination.shown).toEqual(promoted);
    expect([...store.values.keys()].filter((key) => key.startsWith('rule/'))).toEqual([]);
    // The mirror is called promoted only later.
    await sync.look(config);
    expect(destination.shown).toEqual(promoted);
    mirrors = [{ ...mirrors[0]!, isPromoted: true }];
    source.acls.clear();
    await sync.look(config);
    expect(destination.shown).toEqual(promoted);
  });

  test('takes nothing from readers for a moment: clients that are refused once end for good', async () => {
    const sync = begin();
    await sync.look(config);
    const refusals: string[] = [];
    const read = { operation: 'READ', resourceType: 'TOPIC', resourceName: 'orders' } as const;
    destination.onStep = (step) => {
      const mayRead = isAllowed(destination.acls.values(), {
        ...read,
        principal: 'User:a',
        host: '10.0.0.1',
      });
      if (!mayRead) refusals.push(step);
    };
    await sync.release(config, ['orders']);
    expect(destination.shown).toEqual(promoted);
    expect(refusals).toEqual([]);
  });

  test('works with the source gone and another leader, by the rules as last seen; also twice', async () => {
    await begin().look(config);
    source.failure = new LockstepError('CLUSTER_UNREACHABLE', 'gone');
    const sync = begin();
    await sync.release(config, ['orders']);
    await sync.release(config, ['orders']);
    expect(destination.shown).toEqual(promoted);
  });

  test('is finished by the next leader when it was cut short', async () => {
    await begin().look(config);
    let stepsLeft = 3;
    destination.onStep = () => {
      stepsLeft -= 1;
      if (stepsLeft === 0) throw new LockstepError('CONNECTION_CLOSED', 'dies');
    };
    await expect(begin().release(config, ['orders'])).rejects.toThrow('dies');
    destination.onStep = () => {};
    await begin().release(config, ['orders']);
    expect(destination.shown).toEqual(promoted);
  });

  test('only lifts the denies where ACLs are left alone since', async () => {
    await begin().look(config);
    await begin().release(null, ['orders']);
    expect(destination.shown.filter((text) => text.startsWith('DENY'))).toEqual([]);
    expect(destination.shown).toContain('ALLOW User:a READ on TOPIC LITERAL orders from *');
    expect(destination.shown).not.toContain('ALLOW User:b WRITE on TOPIC LITERAL orders from *');
  });

  test('lifts the denies of a topic that is no mirror any more', async () => {
    const sync = begin();
    await sync.look(config);
    mirrors = [];
    await sync.release(config, ['orders']);
    expect(destination.shown.filter((text) => text.startsWith('DENY'))).toEqual([]);
  });

  test('is of one life of the mirror: the next one is closed, also when no look came between', async () => {
    const sync = begin();
    await sync.look(config);
    await sync.release(config, ['orders']);
    await sync.look(config);
    expect(destination.shown.filter((text) => text.startsWith('DENY'))).toEqual([]);
    mirrors = [{ ...mirrorOf('orders'), incarnation: 2 }];
    await sync.look(config);
    expect(destination.shown).toContain('DENY User:a WRITE on TOPIC LITERAL orders from *');
  });

  test('leaves the other mirrors closed', async () => {
    mirrors = [mirrorOf('orders'), mirrorOf('orderings')];
    const sync = begin();
    await sync.look(config);
    await sync.release(config, ['orders']);
    expect(destination.shown).toContain('DENY User:c WRITE on TOPIC LITERAL orderings from *');
    expect(destination.shown).not.toContain('ALLOW User:a ALL on TOPIC LITERAL orderings from *');
  });
});
