// Kafka's error codes, read out of Errors.java and the exception classes beside it.
import { strFromU8, unzipSync } from 'fflate';

interface ExceptionClasses {
  readonly retriable: ReadonlySet<string>;
  readonly invalidMetadata: ReadonlySet<string>;
}

/** error-codes.ts: number, name and class of each error. */
export function errorCodesText(jar: Uint8Array): string {
  const errorsFile = 'org/apache/kafka/common/protocol/Errors.java';
  const java = unzipSync(jar, { filter: ({ name }) => name === errorsFile })[errorsFile];
  if (java === undefined) throw new Error(`the jar has no ${errorsFile}`);
  return textOf(errorRows(strFromU8(java)), exceptionClasses(jar));
}

/** Rows of the enum: NAME(number, "text" + "more text" or null, SomeException::new). */
function errorRows(java: string): { name: string; number: number; exception: string | undefined }[] {
  const row =
    /^ {4}([A-Z][A-Z0-9_]+)\(\s*(-?\d+),\s*(?:"(?:[^"\\]|\\.)*"(?:\s*\+\s*"(?:[^"\\]|\\.)*")*|null),\s*(?:(\w+)::new|message\s*->\s*null|null)/gm;
  const rows = [...java.matchAll(row)].map(([, name, number, exception]) => ({
    name: name!,
    number: Number(number),
    exception,
  }));
  // Kafka numbers its errors without gaps from -1; a row that the pattern misses must not vanish unseen.
  rows.forEach(({ name, number }, index) => {
    if (number !== index - 1) throw new Error(`an error code before ${name} (${number}) could not be read`);
  });
  return rows;
}

/** The exceptions that extend RetriableException or InvalidMetadataException, however deep. */
function exceptionClasses(jar: Uint8Array): ExceptionClasses {
  const sources = unzipSync(jar, {
    filter: ({ name }) => /^org\/apache\/kafka\/common\/errors\/\w+\.java$/.test(name),
  });
  const parents = new Map<string, string>();
  for (const bytes of Object.values(sources)) {
    const match = /class (\w+) extends (\w+)/.exec(strFromU8(bytes));
    if (match !== null) parents.set(match[1]!, match[2]!);
  }
  const below = (ancestor: string): Set<string> => {
    const isBelow = (name: string | undefined): boolean =>
      name !== undefined && (name === ancestor || isBelow(parents.get(name)));
    return new Set([...parents.keys(), ancestor].filter((name) => isBelow(name)));
  };
  return { retriable: below('RetriableException'), invalidMetadata: below('InvalidMetadataException') };
}

function textOf(rows: ReturnType<typeof errorRows>, classes: ExceptionClasses): string {
  const lines = rows.map(({ name, number, exception = '' }) => {
    const words = name.toLowerCase().replaceAll('_', ' ');
    const flags = `retriable: ${classes.retriable.has(exception)}, invalidMetadata: ${classes.invalidMetadata.has(exception)}`;
    return `  [${number}, { number: ${number}, name: '${name}', message: '${words}', ${flags} }],\n`;
  });
  return `/** One of Kafka's error codes (Errors.java). */
export interface KafkaError {
  readonly number: number;
  readonly name: string;
  /** The name in words, for sentences. */
  readonly message: string;
  /** Kafka's clients try again (RetriableException). */
  readonly retriable: boolean;
  /** The client's metadata is out of date (InvalidMetadataException). */
  readonly invalidMetadata: boolean;
}

export const kafkaErrors: ReadonlyMap<number, KafkaError> = new Map([
${lines.join('')}]);
`;
}
