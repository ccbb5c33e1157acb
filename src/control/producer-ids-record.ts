// How far apart the producer ids of a link's two clusters are, as the leader told last: `producerIds/<link>` in the
// control topic. Nothing is decided by it; it is there to be shown.
import { z } from 'zod';

const schema = z.looseObject({
  v: z.int().min(1),
  /** `standsBy`: roles say that the other direction is the one that counts. */
  state: z.enum(['apart', 'growing', 'standsBy', 'unknown']),
  /** The lowest id that a broker of the destination gives next, less the highest that the source gave; null: unknown. */
  ahead: z.number().nullable(),
  wantedAhead: z.number(),
  /** How fast ids are used up while they are not apart. */
  idsPerSecond: z.number(),
  atMs: z.number(),
  /** Why it could not be looked at, or what a person should know. */
  error: z.string().nullable(),
});
export type ProducerIdsRecord = Readonly<z.infer<typeof schema>>;

export const producerIdsPrefix = 'producerIds/';
export const producerIdsKey = (link: string): string => `${producerIdsPrefix}${link}`;

export function isProducerIdsRecord(value: unknown): value is ProducerIdsRecord {
  return schema.safeParse(value).success;
}
