// Whether each cluster of a file can serve in its links, and what to do where not.
export type { DoctorReport } from './checks.ts';
export { examine } from './examine.ts';
export { formatDoctor } from './format.ts';
