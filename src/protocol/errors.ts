// Kafka's error codes by number.
import { type KafkaError, kafkaErrors } from './messages/error-codes.ts';

export { type KafkaError, kafkaErrors };

/** The error with this number; one that Kafka added later counts as not retriable. */
export function kafkaError(number: number): KafkaError {
  return (
    kafkaErrors.get(number) ?? {
      number,
      name: `UNKNOWN_ERROR_CODE_${number}`,
      retriable: false,
      invalidMetadata: false,
    }
  );
}
