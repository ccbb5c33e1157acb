// What is read to compare a mirror with its source counts in the link's limit, too. It is not held back: a few batches for each
// partition when it begins, without which nothing goes on; later fetches wait for it.
import { type Api, apis, type FetchResponse, type Input } from '../../protocol/index.ts';
import type { AskBroker } from './broker-questions.ts';
import type { ReadLimit } from './read-limit.ts';

/** The same questions, with records in the answers paid for. */
export function chargedQuestions(askBroker: AskBroker, limit: ReadLimit): AskBroker {
  return (broker) => {
    const ask = askBroker(broker);
    return async <Req, Res>(api: Api<Req, Res>, input: Input<Req>): Promise<Res> => {
      const answer = await ask(api, input);
      if ((api as unknown) === apis.Fetch) {
        const bytes = recordBytes(answer as FetchResponse);
        limit.spend({ bytes, behindBytes: bytes });
      }
      return answer;
    };
  };
}

function recordBytes({ responses }: FetchResponse): number {
  return responses
    .flatMap(({ partitions }) => partitions)
    .reduce((bytes, { records }) => bytes + (records?.length ?? 0), 0);
}
