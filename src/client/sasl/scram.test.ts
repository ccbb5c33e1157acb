// The published exchanges: RFC 7677, section 3 (SHA-256). RFC 5802, section 5 is SHA-1, which Kafka does not
// offer; SHA-512 has no RFC example, so its vector was made with Python's hashlib and hmac (see below).
import { describe, expect, it } from 'vitest';
import { scramExchange } from './scram.ts';

const rfc7677 = {
  config: { mechanism: 'SCRAM-SHA-256', username: 'user', password: 'pencil' },
  nonce: 'rOprNGfwEbeRWgbNEkqO',
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
} as const;

const sha512 = {
  config: { mechanism: 'SCRAM-SHA-512', username: 'a=b,c', password: 'pässword' },
  nonce: 'clientnonce',
  clientFirst: 'n,,n=a=3Db=2Cc,r=clientnonce',
  serverFirst: 'r=clientnonceservernonce,s=c2FsdHNhbHQ=,i=8192',
  clientFinal:
    'c=biws,r=clientnonceservernonce,p=MCCmIe6vQUmg8hDoITCX1zl4o3yUjur5Ne3tQNDIWslHyYimfhEjLyEPPFKR3GSdppNEElTN+ROfIjO7HRZuKw==',
  serverFinal: 'v=ule8HCb6whUdmaj2xoEdFaNIq8fg0HK9VzTyQrpLas4wyW3K8dHzn5PqI2JY6rVTlFKmdVveoxKwHEoGoL7I2g==',
} as const;

describe.each([
  ['RFC 7677', rfc7677],
  ['SHA-512 by Python', sha512],
])('SCRAM, %s', (_name, vector) => {
  it('says what the published client says and accepts the server signature', async () => {
    const exchange = scramExchange(vector.config, vector.nonce);
    expect((await exchange.first()).toString()).toBe(vector.clientFirst);
    expect((await exchange.next(Buffer.from(vector.serverFirst)))?.toString()).toBe(vector.clientFinal);
    expect(await exchange.next(Buffer.from(vector.serverFinal))).toBeNull();
  });

  it('refuses a server that can not sign', async () => {
    const exchange = scramExchange(vector.config, vector.nonce);
    await exchange.first();
    await exchange.next(Buffer.from(vector.serverFirst));
    const forged = vector.serverFinal.replace(/^v=./, (start) => (start === 'v=A' ? 'v=B' : 'v=A'));
    await expect(exchange.next(Buffer.from(forged))).rejects.toThrow(/could not prove/);
  });
});

describe('SCRAM against a hostile server', () => {
  it.each([
    ['another nonce', 'r=another-nonce,s=c2FsdA==,i=4096', /extend our nonce/],
    ['our nonce unchanged', 'r=nonce,s=c2FsdA==,i=4096', /extend our nonce/],
    ['too few iterations', 'r=nonce1,s=c2FsdA==,i=1', /1 iterations/],
    ['too many iterations', 'r=nonce1,s=c2FsdA==,i=2000000000', /2000000000 iterations/],
    ['no salt', 'r=nonce1,s=,i=4096', /RFC 5802/],
    ['a mandatory extension', 'm=x,r=nonce1,s=c2FsdA==,i=4096', /RFC 5802/],
    ['nothing', '', /RFC 5802/],
    ['a very long message', `r=nonce${'x'.repeat(10_000)},s=c2FsdA==,i=4096`, /too long/],
  ])('refuses %s', async (_name, serverFirst, message) => {
    const exchange = scramExchange(
      { mechanism: 'SCRAM-SHA-256', username: 'u', password: 'secret' },
      'nonce',
    );
    await exchange.first();
    await expect(exchange.next(Buffer.from(serverFirst))).rejects.toThrow(message);
    await expect(exchange.next(Buffer.from(serverFirst))).rejects.not.toThrow(/secret/);
  });

  it('passes on the refusal of the server', async () => {
    const exchange = scramExchange(rfc7677.config, rfc7677.nonce);
    await exchange.next(Buffer.from(rfc7677.serverFirst));
    await expect(exchange.next(Buffer.from('e=unknown-user'))).rejects.toThrow(/unknown-user/);
  });
});
