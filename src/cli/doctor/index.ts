// Whether each cluster of a file can serve in its links, and what to do where not.
export { type Check, type CheckName, type ClusterReport, checkNames, type DoctorReport } from './checks.ts';
export { type ExamineOptions, examine } from './examine.ts';
export { formatDoctor } from './format.ts';
