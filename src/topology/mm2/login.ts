// sasl.* of one cluster as `sasl:` of a lockstep.yaml: PLAIN, SCRAM and OAUTHBEARER. Every value of sasl.jaas.config is made
// anew from the property, so that a password behind a config provider may be replaced while agents run.
import { fileURLToPath } from 'node:url';
import { nearestName } from '../did-you-mean.ts';
import type { FileReader } from '../files.ts';
import type { Problem } from '../problems.ts';
import { saslMechanisms } from '../schema.ts';
import type { DerivedText } from '../secrets.ts';
import { type JaasEntry, parseJaas } from './jaas.ts';
import { type PartBuilder, textOf } from './part.ts';
import { putTrustStore } from './stores.ts';
import type { Around, Property, Settings } from './types.ts';

const security = 'org.apache.kafka.common.security';
const tokenHandlers = [
  `${security}.oauthbearer.OAuthBearerLoginCallbackHandler`,
  `${security}.oauthbearer.secured.OAuthBearerLoginCallbackHandler`,
];
const tokenRetrievers = ['DefaultJwtRetriever', 'ClientCredentialsJwtRetriever', 'FileJwtRetriever'];

/** Ways out for mechanisms that are not spoken. */
const otherMechanisms: Readonly<Record<string, string>> = {
  GSSAPI: 'a user with SCRAM, or a TLS certificate, for Lockstep: Kerberos is not spoken',
  AWS_MSK_IAM:
    'a user with SCRAM (MSK keeps it in Secrets Manager), or a TLS certificate, for Lockstep: the IAM login is not spoken',
};

interface Login {
  readonly settings: Settings;
  readonly part: PartBuilder;
  readonly around: Around;
  /** sasl.mechanism, or what makes one necessary. */
  readonly from: Property;
}

/** Adds `sasl`, or the faults for which there can be none. */
export function putLogin(settings: Settings, protocol: Property, part: PartBuilder, around: Around): void {
  const named = settings.get('sasl.mechanism');
  const login: Login = { settings, part, around, from: named ?? protocol };
  const mechanism = named?.value.trim() || 'GSSAPI';
  if (refuseClasses(login)) return;
  if (mechanism === 'OAUTHBEARER') return putTokenLogin(login);
  if ((saslMechanisms as readonly string[]).includes(mechanism)) return putPasswordLogin(mechanism, login);
  const wayOut = otherMechanisms[mechanism];
  around.reporter.fault(login.from, {
    found:
      named === undefined
        ? 'no sasl.mechanism, which means GSSAPI'
        : `the mechanism ${named.isReferenced ? 'of a provider (not shown)' : JSON.stringify(mechanism)}`,
    expected: wayOut ?? `one of ${saslMechanisms.join(', ')}`,
    suggestion: wayOut === undefined ? nearestName(mechanism, saslMechanisms) : undefined,
  });
}

/** Java classes that do the login; whether there is one. */
function refuseClasses({ settings, around }: Login): boolean {
  const known: Readonly<Record<string, readonly string[]>> = {
    'sasl.login.callback.handler.class': tokenHandlers,
    'sasl.oauthbearer.jwt.retriever.class': tokenRetrievers.map((name) => `${security}.oauthbearer.${name}`),
  };
  let isRefused = false;
  for (const [key, classes] of Object.entries(known)) {
    const property = settings.get(key);
    if (property === undefined || property.value === '' || classes.includes(property.value.trim())) continue;
    isRefused = true;
    around.reporter.fault(property, {
      found: `the Java class ${property.isReferenced ? 'of a provider' : JSON.stringify(property.value.slice(0, 200))}, which can't be run here`,
      expected: [...classes, `a login by ${saslMechanisms.join(', ')} without a class of its own`].join(
        ' or ',
      ),
    });
  }
  return isRefused;
}

/** The login module of sasl.jaas.config; undefined, with a fault told, when there is none of that kind. */
function loginModule(
  { settings, around, from }: Login,
  module: string,
): { entry: JaasEntry; property: Property } | undefined {
  const property = settings.get('sasl.jaas.config');
  if (property === undefined || property.value.trim() === '') {
    around.reporter.fault(property ?? from, {
      found: 'a login without sasl.jaas.config',
      expected: `sasl.jaas.config=${security}.${packages[module]}.${module} required ...; (a JAAS file of the JVM is not read)`,
    });
    return undefined;
  }
  const entry = parseJaas(property.value);
  if ('found' in entry) {
    around.reporter.fault(property, entry);
    return undefined;
  }
  // Vendors that shade Kafka put something before the package.
  if (entry.module.split('.').at(-1) !== module) {
    around.reporter.fault(property, {
      // Where the value is no JAAS configuration at all, it may be the password.
      found: /^[\w.$]{1,200}LoginModule$/.test(entry.module)
        ? `the login module ${entry.module}`
        : 'another login module',
      expected: `${security}.${packages[module]}.${module}, which goes with the mechanism`,
    });
    return undefined;
  }
  if (property.isReferenced !== true && secretOptions.some((name) => entry.options[name])) {
    around.reporter.warn(property, 'a password stands in the file itself; better behind a config provider');
  }
  return { entry, property };
}

const packages: Readonly<Record<string, string>> = {
  ...{ PlainLoginModule: 'plain', ScramLoginModule: 'scram', OAuthBearerLoginModule: 'oauthbearer' },
};
const secretOptions = ['password', 'clientSecret'];

function putPasswordLogin(mechanism: string, login: Login): void {
  const { part, around } = login;
  const found = loginModule(login, mechanism === 'PLAIN' ? 'PlainLoginModule' : 'ScramLoginModule');
  if (found === undefined) return;
  const { entry, property } = found;
  const missing = ['username', 'password'].filter((name) => !entry.options[name]);
  if (missing.length > 0) {
    around.reporter.fault(property, {
      found: `a login module without ${missing.join(' and ')}`,
      expected: missing.map((name) => `${name}="..."`).join(' '),
    });
    return;
  }
  if (entry.options.tokenauth?.toLowerCase() === 'true') {
    around.reporter.fault(property, {
      found: 'tokenauth=true, a login with a delegation token',
      expected: 'a user of its own for Lockstep: delegation tokens end',
    });
    return;
  }
  warnOfOptions(found, ['username', 'password', 'tokenauth'], around);
  part.put(['sasl', 'mechanism'], mechanism, login.from);
  part.putDerived(['sasl', 'username'], property, optionOf(property, 'username'));
  part.putDerived(['sasl', 'password'], property, optionOf(property, 'password'));
}

function putTokenLogin(login: Login): void {
  const { settings, part, around } = login;
  const { reporter } = around;
  const url = settings.get('sasl.oauthbearer.token.endpoint.url');
  const isFile = url?.value.trim().toLowerCase().startsWith('file:') === true;
  const found = loginModule(login, 'OAuthBearerLoginModule');
  if (found === undefined) return;
  if (url === undefined || url.value.trim() === '') {
    reporter.fault(url ?? found.property, {
      found: 'OAUTHBEARER without sasl.oauthbearer.token.endpoint.url',
      expected:
        'the https:// address of a token endpoint, or the file:// address of a token (unsecured tokens are for trials)',
    });
    return;
  }
  const taken = ['clientId', 'clientSecret', 'scope', 'audience'];
  const { options } = found.entry;
  const extensions = Object.keys(options).filter((name) => name.startsWith('extension_'));
  const tls = Object.keys(options).filter((name) => /^ssl\.(truststore|keystore|key)\./.test(name));
  warnOfOptions(found, [...taken, ...extensions, ...tls], around);
  part.put(['sasl', 'mechanism'], 'OAUTHBEARER', login.from);
  for (const name of extensions) {
    part.putDerived(
      ['sasl', 'extensions', name.slice('extension_'.length)],
      found.property,
      optionOf(found.property, name),
    );
  }
  if (isFile) {
    const file = pathOf(url.value.trim());
    if (file === null)
      reporter.fault(url, { found: 'an address that is no file', expected: 'file:///path/token' });
    else part.put(['sasl', 'tokenFile'], file.replaceAll('${', '$${'), url);
    return;
  }
  const at = ['sasl', 'tokenEndpoint'];
  part.putText([...at, 'url'], url, url.value.trim());
  const encoded = settings.get('sasl.oauthbearer.header.urlencode');
  if (encoded?.value.trim().toLowerCase() !== 'true') part.put([...at, 'urlEncode'], false, encoded ?? url);
  putEither(login, found, { path: [...at, 'clientId'], option: 'clientId', isNeeded: true });
  putEither(login, found, { path: [...at, 'clientSecret'], option: 'clientSecret', isNeeded: true });
  putEither(login, found, { path: [...at, 'scope'], option: 'scope', isNeeded: false });
  if (options.audience)
    part.putDerived([...at, 'audience'], found.property, optionOf(found.property, 'audience'));
  // The endpoint's own certificates stand in the JAAS options.
  const trust = tls.filter((name) => name.startsWith('ssl.truststore.'));
  putTrustStore(new Map(trust.map((name) => [name, optionProperty(found, name)])), at, part, around);
  for (const name of tls.filter((candidate) => !trust.includes(candidate))) {
    reporter.warn(
      found.property,
      `${name} is not used: the token endpoint is asked without a certificate of our own`,
    );
  }
}

const newerKeys: Readonly<Record<string, string>> = {
  clientId: 'sasl.oauthbearer.client.credentials.client.id',
  clientSecret: 'sasl.oauthbearer.client.credentials.client.secret',
  scope: 'sasl.oauthbearer.scope',
};

/** A value that stands in a property of its own since Kafka 4.1 (KIP-1139), and in the JAAS options before; the property wins. */
function putEither(
  { settings, part, around }: Login,
  { entry, property }: { entry: JaasEntry; property: Property },
  { path, option, isNeeded }: { path: readonly string[]; option: string; isNeeded: boolean },
): void {
  const newer = settings.get(newerKeys[option]!);
  const isNewer = newer !== undefined && newer.value !== '';
  const value = isNewer ? newer.value : entry.options[option];
  if (value === undefined || value === '') {
    if (!isNeeded) return;
    around.reporter.fault(property, {
      found: `a token endpoint without ${newerKeys[option]}`,
      expected: `that property, or ${option}="..." in sasl.jaas.config`,
    });
    // Said already: the checks that follow shall not say it again.
    part.put(path, 'missing', property);
    return;
  }
  if (!isNewer) part.putDerived(path, property, optionOf(property, option));
  else {
    if (option === 'clientSecret' && newer.isReferenced !== true)
      around.reporter.warn(newer, 'a secret stands in the file itself; better behind a config provider');
    part.putDerived(path, newer, (readFile) => textOf(newer, readFile));
  }
}

/** An option's value as the property has it now. */
function optionOf(property: Property, name: string): DerivedText {
  return (readFile: FileReader): string | Problem => {
    const text = textOf(property, readFile);
    if (typeof text !== 'string') return text;
    const entry = parseJaas(text);
    if ('found' in entry) return entry;
    return entry.options[name] || { found: `a login module without ${name}`, expected: `${name}="..."` };
  };
}

/** An option as if it were a property of its own, which stands where its login module does. */
function optionProperty(
  { entry, property }: { entry: JaasEntry; property: Property },
  name: string,
): Property {
  return {
    ...property,
    ...{ key: name, value: entry.options[name] ?? '', isReferenced: true },
    renew: optionOf(property, name),
  };
}

function warnOfOptions(
  { entry, property }: { entry: JaasEntry; property: Property },
  known: readonly string[],
  { reporter }: Around,
): void {
  const others = Object.keys(entry.options).filter((name) => !known.includes(name));
  // Names may be anything where quotes are wrong.
  const shown = others.filter((name) => /^[A-Za-z][A-Za-z0-9_.]{0,60}$/.test(name));
  if (others.length > 0) {
    const names = shown.length === others.length ? shown.join(', ') : `${others.length} options`;
    reporter.warn(property, `of the login module, ${names} is not used`);
  }
}

function pathOf(url: string): string | null {
  try {
    return fileURLToPath(url);
  } catch {
    return null;
  }
}
