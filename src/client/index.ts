// The public door of the room: one cluster as a client sees it.
export type {
  BrokerAddress,
  ClusterConfig,
  OAuthTokenEndpoint,
  SaslConfig,
  SaslMechanism,
  SaslOAuthBearerConfig,
  SaslPasswordConfig,
  TlsConfig,
} from './config.ts';
export { formatAddress, securityProtocol } from './config.ts';
