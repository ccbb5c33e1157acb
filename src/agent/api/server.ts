// The HTTP server of an agent: health, readiness, metrics and JSON of everything that `describe` shows. It only reads;
// what changes something goes through Kafka (`lockstep links`, `lockstep mirrors`). It listens on loopback unless told
// otherwise, takes no bodies, and bounds headers, connections and waiting, since it speaks to whoever comes.
import { hostname, networkInterfaces } from 'node:os';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { LockstepError } from '../../errors.ts';
import type { MetricsText } from '../metrics/index.ts';
import type { AgentView } from '../view.ts';
import { EventLoopWatch } from './event-loop.ts';
import { NotFound, type Route, routes } from './routes.ts';

export interface ApiOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0: any free port. */
  readonly port: number;
  /** How everything stands now; null as long as that is not known. */
  view(): AgentView | null;
  /** Whether the agent takes part: joined the group and read the control topic; the reason where not. */
  isReady(): Readiness;
  readonly metrics: MetricsText;
  /** What /metrics has without `per`: a series per partition rather than per topic. Default false. */
  readonly isPerPartition?: boolean;
  /** Told of answers that failed because of an error of ours. */
  readonly onFailure?: (error: Error) => void;
}

export interface Readiness {
  readonly ok: boolean;
  readonly reason: string | null;
}

export interface Api {
  /** http://HOST:PORT, one that others can reach where it listens on all addresses. */
  readonly url: string;
  /** Ends answers under way after a moment; resolves when nothing listens any more. */
  close(): Promise<void>;
}

const limits = {
  /** No route takes a body. */
  bodyLimit: 1_024,
  maxHeaderSizeBytes: 8 * 1_024,
  /** A topic has up to 249 characters, each up to 3 bytes when it is escaped. */
  maxParamLength: 1_024,
  /** From the connection to the end of the request. */
  requestTimeoutMs: 5_000,
  keepAliveTimeoutMs: 65_000,
  /** How often it is looked whether a time-out is over; Node's 30 s would be the real one. */
  connectionsCheckMs: 1_000,
  connectionsMax: 256,
} as const;

/** @throws LockstepError USAGE when the address can't be listened on. */
export async function startApi(options: ApiOptions): Promise<Api> {
  const { host = '127.0.0.1', port } = options;
  const loop = new EventLoopWatch();
  const server = createServer(options, loop);
  const close = async (): Promise<void> => {
    loop.stop();
    await server.close();
  };
  try {
    const url = await server.listen({ host, port });
    return { url: isWildcard(host) ? url.replace(/\/\/[^/]+(?=:\d+$)/, `//${ownAddress()}`) : url, close };
  } catch (cause) {
    await close();
    const reason = cause instanceof Error ? cause.message : String(cause);
    const text = `can't listen on ${host}:${port} for HTTP: ${reason}; choose another address with --http`;
    throw new LockstepError('USAGE', text, { cause });
  }
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** In a container it is the address that knows the way here, not the host's name. */
function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? hostname();
}

function createServer(options: ApiOptions, loop: EventLoopWatch): FastifyInstance {
  const server = Fastify({
    logger: false,
    bodyLimit: limits.bodyLimit,
    routerOptions: { maxParamLength: limits.maxParamLength },
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    forceCloseConnections: true,
    http: {
      maxHeaderSize: limits.maxHeaderSizeBytes,
      connectionsCheckingInterval: limits.connectionsCheckMs,
    },
    exposeHeadRoutes: true,
    // Routes give Fastify no schemas: its compilers of them would be megabytes for nothing.
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
  });
  server.server.maxConnections = limits.connectionsMax;
  server.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
  });
  server.setNotFoundHandler((request, reply) =>
    refuse(reply, 404, 'NOT_FOUND', `there is nothing at ${request.url}`),
  );
  server.setErrorHandler<Error & { statusCode?: number }>((error, _request, reply) => {
    if (error instanceof NotFound) return refuse(reply, 404, 'NOT_FOUND', error.message);
    const status = error.statusCode ?? 500;
    if (status < 500) return refuse(reply, status, 'BAD_REQUEST', error.message);
    // What went wrong inside is nothing for whoever asks.
    options.onFailure?.(error);
    return refuse(reply, 500, 'INTERNAL', 'the agent failed to answer; its log says why');
  });
  addProbes(server, options, loop);
  server.get('/openapi.json', async (_request, reply) => {
    const { openApiText } = await import('./openapi.ts');
    return reply.type('application/json').send(openApiText());
  });
  for (const route of routes) addRoute(server, route, options);
  return server;
}

function noSchemas(): never {
  throw new LockstepError('INTERNAL', 'A route of the API has a schema, and nothing compiles it.');
}

function addProbes(server: FastifyInstance, options: ApiOptions, loop: EventLoopWatch): void {
  const { isReady, metrics, isPerPartition = false } = options;
  server.get('/healthz', (_request, reply) => {
    const ok = loop.isTurning;
    return reply.code(ok ? 200 : 503).send({ ok, eventLoopDelayMs: loop.delayMs });
  });
  server.get('/readyz', (_request, reply) => {
    const { ok, reason } = isReady();
    return reply.code(ok ? 200 : 503).send({ ok, reason });
  });
  server.get<{ Querystring: { per?: string } }>('/metrics', async ({ query }, reply) => {
    const per = query.per ?? (isPerPartition ? 'partition' : 'topic');
    if (per !== 'topic' && per !== 'partition')
      return refuse(reply, 400, 'BAD_REQUEST', 'per is topic or partition');
    return reply.type(metrics.contentType).send(await metrics.text({ isPerPartition: per === 'partition' }));
  });
}

function addRoute(server: FastifyInstance, route: Route, { view }: ApiOptions): void {
  const path = route.path.replaceAll(/\{(\w+)\}/g, ':$1');
  server.get<{ Params: Record<string, string> }>(path, (request, reply) => {
    const now = view();
    if (now === null) return refuse(reply, 503, 'NOT_READY', 'the control topic was not read yet');
    return reply.send(route.answer(now, request.params));
  });
}

function refuse(reply: FastifyReply, status: number, code: string, message: string): FastifyReply {
  return reply.code(status).send({ error: { code, message } });
}
