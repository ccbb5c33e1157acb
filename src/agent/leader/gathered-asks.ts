// Questions about single partitions, gathered: closing a thousand partitions asks a broker a dozen things about each, one
// after the other, and a request for each question would take longer than everything else. While one request is under
// way the questions that come are kept, and the next one asks them all.

import type { Ask } from '../../mirror/index.ts';
import { type Api, apis, type Input } from '../../protocol/index.ts';

/** How a request names its topics and partitions, and how its answer does. */
interface Shape {
  readonly api: unknown;
  readonly topic: 'topic' | 'name';
  readonly partitions: 'partitions' | 'partitionIndexes';
  readonly answered: 'partition' | 'partitionIndex';
}

const shapes: readonly Shape[] = [
  { api: apis.OffsetForLeaderEpoch, topic: 'topic', partitions: 'partitions', answered: 'partition' },
  { api: apis.ListOffsets, topic: 'name', partitions: 'partitions', answered: 'partitionIndex' },
  { api: apis.DescribeProducers, topic: 'name', partitions: 'partitionIndexes', answered: 'partitionIndex' },
];

type Loose = Record<string, unknown>;
type LooseTopic = Loose & { partitions: Loose[] };

interface Question {
  readonly topic: string;
  readonly partition: number;
  /** As the request has it. */
  readonly asked: unknown;
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

/** Questions of one kind about many partitions of one topic can't be told apart by more than their partition. */
const questionsMax = 5_000;

/** Asks as `ask` does; what it does not know how to gather goes through as it is. */
export function gatheredAsk(ask: Ask): Ask {
  const lines = new Map<string, Line>();
  return <Req, Res>(api: Api<Req, Res>, input: Input<Req>): Promise<Res> => {
    const shape = shapes.find((each) => each.api === api);
    const question = shape === undefined ? null : onlyQuestion(shape, input as Loose);
    if (shape === undefined || question === null) return ask(api, input);
    const { topics: _, ...rest } = input as Loose;
    // What differs apart from topics is another request.
    const key = `${shapes.indexOf(shape)} ${JSON.stringify(rest)}`;
    let line = lines.get(key);
    if (line === undefined) {
      line = new Line(shape, (topics) => ask(api, { ...rest, topics } as Input<Req>) as Promise<unknown>);
      lines.set(key, line);
    }
    return line.ask(question) as Promise<Res>;
  };
}

/** The topic and the partition that are asked about; null where these are several. */
function onlyQuestion(shape: Shape, input: Loose): Pick<Question, 'topic' | 'partition' | 'asked'> | null {
  const topics = input.topics as Loose[];
  const asked = topics.length === 1 ? (topics[0]![shape.partitions] as unknown[]) : [];
  if (asked.length !== 1) return null;
  const [only] = asked;
  const partition = typeof only === 'number' ? only : Number((only as Loose)[shape.answered]);
  return { topic: String(topics[0]![shape.topic]), partition, asked: only };
}

/** One request after the other. */
class Line {
  readonly #shape: Shape;
  readonly #ask: (topics: unknown[]) => Promise<unknown>;
  #waiting: Question[] = [];
  #isBusy = false;

  constructor(shape: Shape, ask: (topics: unknown[]) => Promise<unknown>) {
    this.#shape = shape;
    this.#ask = ask;
  }

  ask(question: Pick<Question, 'topic' | 'partition' | 'asked'>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...question, resolve, reject });
      if (!this.#isBusy) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isBusy = true;
    while (this.#waiting.length > 0) {
      // All that is asked in the same turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      await this.#askOnce(this.#take());
    }
    this.#isBusy = false;
  }

  /** Each partition once; who asks about the same one again waits for the next request. */
  #take(): Map<string, Question> {
    const taken = new Map<string, Question>();
    const rest: Question[] = [];
    for (const question of this.#waiting) {
      const key = `${question.topic}/${question.partition}`;
      if (taken.has(key) || taken.size >= questionsMax) rest.push(question);
      else taken.set(key, question);
    }
    this.#waiting = rest;
    return taken;
  }

  async #askOnce(questions: ReadonlyMap<string, Question>): Promise<void> {
    const { topic: nameKey, partitions: listKey, answered } = this.#shape;
    const topics = Array.from(
      Map.groupBy(questions.values(), ({ topic }) => topic),
      ([topic, some]) => ({ [nameKey]: topic, [listKey]: some.map(({ asked }) => asked) }),
    );
    let answer: Loose & { topics: LooseTopic[] };
    try {
      answer = (await this.#ask(topics)) as typeof answer;
    } catch (error) {
      for (const { reject } of questions.values()) reject(error);
      return;
    }
    const answers = new Map<string, LooseTopic>();
    for (const topic of answer.topics)
      for (const partition of topic.partitions)
        answers.set(`${topic[nameKey]}/${partition[answered]}`, { ...topic, partitions: [partition] });
    for (const [key, { resolve }] of questions) {
      const own = answers.get(key);
      resolve({ ...answer, topics: own === undefined ? [] : [own] });
    }
  }
}
