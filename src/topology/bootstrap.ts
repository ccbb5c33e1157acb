// Bootstrap addresses: `host:port`, an IPv6 address in brackets. The usual slips get an answer of their own.
import type { BrokerAddress } from '../client/config.ts';
import { quote } from './describe.ts';
import type { Problem } from './problems.ts';

const expected = 'host:port, such as kafka-1:9092 or [2001:db8::1]:9092';

/** The address, or what is wrong with it. */
export function parseAddress(text: string): BrokerAddress | Problem {
  if (text.includes('@')) return { found: 'an address with user information (not shown)', expected };
  const found = quote(text);
  const scheme = /^([A-Za-z][A-Za-z0-9+_-]*):\/\//.exec(text);
  if (scheme !== null) {
    const rest = text.slice(scheme[0].length);
    return {
      found,
      expected: `${expected}, without ${scheme[0]}`,
      suggestion: isProblem(parseAddress(rest)) ? undefined : rest,
    };
  }
  if (/[\s,;/]/.test(text)) return { found, expected: `${expected}, one address per list item` };
  if (/^[0-9a-fA-F:]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*$/.test(text)) {
    return { found, expected: `${expected}: an IPv6 address stands in brackets` };
  }
  const parts = /^(?:\[([0-9a-fA-F:.]+(?:%[A-Za-z0-9._-]+)?)\]|([A-Za-z0-9._-]+))(?::(.*))?$/.exec(text);
  if (parts === null) return { found, expected };
  const host = (parts[1] ?? parts[2]) as string;
  const portText = parts[3];
  if (portText === undefined || portText === '') {
    const suggestion = text.endsWith(':') ? `${text}9092` : `${text}:9092`;
    return { found: `${found} without a port`, expected, suggestion };
  }
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : Number.NaN;
  if (!(port >= 1 && port <= 65_535)) return { found, expected: 'a port from 1 to 65535' };
  return { host, port };
}

export function isProblem(result: BrokerAddress | Problem): result is Problem {
  return 'found' in result;
}
