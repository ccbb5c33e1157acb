// Kafka's error codes by number.
import { type KafkaError, kafkaErrors } from './messages/error-codes.ts';

export { type KafkaError, kafkaErrors };

/** The error with this number; one that Kafka added later counts as not retriable. */
export function kafkaError(number: number): KafkaError {
  const known = kafkaErrors.get(number);
  if (known !== undefined) return known;
  const message = `error ${number}, which this version does not know`;
  return { number, name: `UNKNOWN_ERROR_CODE_${number}`, message, retriable: false, invalidMetadata: false };
}
