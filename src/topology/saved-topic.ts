// Topics that a restore has made for what only one region had.

const pattern = /\.lost-\d{8}T\d{6}Z(\.older)?$/;

export function isSavedTopic(topic: string): boolean {
  return pattern.test(topic);
}
