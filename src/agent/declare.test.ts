import { describe, expect, test } from 'vitest';
import {
  type AnswerRecord,
  type Change,
  FleetReducer,
  type RolesDeclaration,
  type RulesDeclaration,
  recordVersion,
  rolesKey,
  rulesKey,
} from '../control/index.ts';
import { testLink } from '../control/test-records.ts';
import { testRoles } from '../control/test-roles.ts';
import { checkDeclared, type FileDeclarations, declare as put } from './declare.ts';

const { name, source, destination, config } = testLink();
const links = [{ name, source, destination, config }];
const roles: RolesDeclaration = {
  ...{ group: 'shop', regions: ['us', 'eu'], links: ['us-to-eu', 'eu-to-us'], topics: {} },
  ...{ primary: 'us', place: 'l.yaml' },
};
const rules: RulesDeclaration = {
  ...{ place: 'l.yaml', cluster: 'eu', clusters: {}, topicLabels: [], flows: [], groups: [] },
  rules: [{ name: 'pii-stays', topics: {}, from: {}, never: { residency: ['us'] } }],
};

/** What the leader was asked, and what people were told. */
async function declare(declared: FileDeclarations, answer: Partial<AnswerRecord> = {}) {
  const asked: string[] = [];
  const told: [string | null, string][] = [];
  await put({
    ...declared,
    ask: async (body) => {
      asked.push(body.do);
      return { v: 1, id: 'c', atMs: 1, state: 'done', message: '', changes: [], ...answer };
    },
    onNotice: (link, { text }) => told.push([link, text]),
  });
  return { asked, told };
}

describe('what a file says is put before the leader', () => {
  test('roles before their links, and rules before any link begins', async () => {
    const { asked } = await declare({ apply: links, declare: [roles], rules });
    expect(asked).toEqual(['declareRoles', 'declareRules', 'applyLinks']);
  });

  test('where it says anything', async () => {
    expect((await declare({ apply: [] })).asked).toEqual([]);
    expect((await declare({})).asked).toEqual([]);
  });

  test('whose refusal ends the start', async () => {
    const refusal = { state: 'refused', code: 'CONFIG_INVALID', message: 'other rules stand' } as const;
    await expect(declare({ rules }, refusal)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'other rules stand',
    });
  });

  test('and what it changed is told where it belongs', async () => {
    const changes: Change[] = [
      { what: 'link', name: 'us-to-eu', action: 'create', details: ['topics: orders'] },
      { what: 'roles', name: 'shop', action: 'alter', details: ['link a is new', 'link b is new'] },
      { what: 'rules', name: 'residency', action: 'create', details: [] },
      { what: 'link', name: 'other', action: 'none', details: ['as declared already'] },
    ];
    expect((await declare({ apply: links }, { changes })).told).toEqual([
      ['us-to-eu', 'create: topics: orders'],
      [null, 'roles of group shop: alter: link a is new; link b is new'],
      [null, 'residency rules: create: as declared'],
    ]);
  });
});

describe('before an agent joins', () => {
  const standing = (): FleetReducer => {
    const state = new FleetReducer();
    const record = { ...rules, v: recordVersion, generation: 1, by: 'ann@host', atMs: 1 };
    state.apply(rulesKey, JSON.stringify(record));
    state.apply(rolesKey('shop'), JSON.stringify(testRoles()));
    return state;
  };

  test('a file that agrees with what stands passes', () => {
    expect(checkDeclared(standing(), { apply: links, declare: [roles], rules })).toBeNull();
    expect(checkDeclared(new FleetReducer(), { apply: links, declare: [roles], rules })).toBeNull();
  });
  test('one that contradicts the roles or the rules is refused', () => {
    expect(() => checkDeclared(standing(), { declare: [{ ...roles, primary: 'eu' }] })).toThrow(/l\.yaml/);
    expect(() => checkDeclared(standing(), { rules: { ...rules, rules: [] } })).toThrow(/l\.yaml/);
  });
  test('one without rules is told of those that hold all the same', () => {
    expect(checkDeclared(standing(), { apply: links })).toMatch(/hold for its links too: pii-stays$/);
    expect(checkDeclared(new FleetReducer(), { apply: links })).toBeNull();
  });
  test('an agent without a file is told nothing', () => {
    expect(checkDeclared(standing(), {})).toBeNull();
  });
});
