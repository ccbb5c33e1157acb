// A hook that is an HTTP POST with the event as its JSON body. Any 2xx is success. Redirects are not followed: the
// headers, which may hold secrets, would go along.
import type { SentHookEvent } from './event.ts';
import type { HookEnd, HookRun } from './hook-run.ts';
import { ShownOutput, secretsIn, withoutSecretValues } from './shown-output.ts';

export async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  event: SentHookEvent,
  { signal }: HookRun,
): Promise<HookEnd> {
  const secrets = [...secretsIn(headers), url];
  const output = new ShownOutput();
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'lockstep', ...headers },
      body: JSON.stringify(event),
      redirect: 'manual',
      signal,
    });
    for await (const chunk of response.body ?? []) if (!output.add(chunk)) break;
    const { ok, status } = response;
    const remark = status >= 300 && status < 400 ? ' (redirects are not followed)' : '';
    return {
      failure: ok ? null : `answered with HTTP ${status}${remark}`,
      lines: output.lines(secrets),
    };
  } catch (error) {
    return {
      failure: withoutSecretValues(`no answer: ${reasonOf(error)}`, secrets),
      lines: output.lines(secrets),
    };
  }
}

/** The address as it may be shown: what stands behind the host is a secret with many services. */
export function shownUrl(url: string): string {
  if (!URL.canParse(url)) return '(no address)';
  const { origin, pathname, search } = new URL(url);
  return pathname === '/' && search === '' ? origin : `${origin}/...`;
}

/** `fetch` says "fetch failed"; why stands in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? (error.cause as NodeJS.ErrnoException) : null;
  return cause === null ? error.message : cause.message || (cause.code ?? error.message);
}
