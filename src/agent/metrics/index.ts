// What an agent tells Prometheus.
export { AgentMetrics, type MetricsText } from './agent-metrics.ts';
