// How one cluster is reached and who we are there: plain data, made by the topology room from lockstep.yaml
// (file paths and ${env:...} already resolved) and by tests. Secrets live here and are never printed:
// messages name the cluster, the address and the user, nothing else.

/** Where a broker listens. */
export interface BrokerAddress {
  readonly host: string;
  /** TCP port, 1 to 65535. */
  readonly port: number;
}

/** TLS to every broker of a cluster. PEM contents, not paths. */
export interface TlsConfig {
  /** Certificates that we trust; without it the system's (Node's) own list. */
  readonly ca?: string;
  /** Our certificate chain, where brokers ask for one (ssl.client.auth=required). Goes with `key`. */
  readonly cert?: string;
  /** Our private key. */
  readonly key?: string;
  /** Passphrase of `key`, where it has one. */
  readonly passphrase?: string;
  /** The name that the broker's certificate must carry; the host we connect to unless told otherwise. */
  readonly servername?: string;
  /** false accepts any certificate: for trials only. Default true. */
  readonly rejectUnauthorized?: boolean;
  /** false accepts a trusted certificate whatever name it carries. Default true. */
  readonly verifyHostname?: boolean;
  /** Default TLSv1.2. */
  readonly minVersion?: TlsVersion;
  /** Default TLSv1.3. */
  readonly maxVersion?: TlsVersion;
}

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** User and password: SASL/PLAIN (send the password, so only over TLS) and SCRAM (RFC 5802). */
export interface SaslPasswordConfig {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly username: string;
  readonly password: string;
}

/** An OAuth 2 token endpoint asked with the client-credentials grant (RFC 6749, section 4.4). */
export interface OAuthTokenEndpoint {
  /** https://... (http:// only to a loopback address). */
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope?: string;
  readonly audience?: string;
  /** Whether client id and secret are URL-encoded in the header, as RFC 6749, section 2.3.1 wants. Default true. */
  readonly urlEncode?: boolean;
  /** Certificates to trust for this endpoint, PEM contents. */
  readonly ca?: string;
}

/** SASL/OAUTHBEARER (RFC 7628, KIP-255): exactly one of the three sources of the token. */
export interface SaslOAuthBearerConfig {
  readonly mechanism: 'OAUTHBEARER';
  /** A fixed token. */
  readonly token?: string;
  /** A file that holds the token; read again for each authentication, since something else renews it. */
  readonly tokenFile?: string;
  readonly tokenEndpoint?: OAuthTokenEndpoint;
  /** SASL extensions (KIP-342), for example logicalCluster and identityPoolId. */
  readonly extensions?: Readonly<Record<string, string>>;
}

export type SaslConfig = SaslPasswordConfig | SaslOAuthBearerConfig;
export type SaslMechanism = SaslConfig['mechanism'];

/** Who we are at a cluster, and whom we trust. */
export interface Credentials {
  readonly tls?: TlsConfig;
  readonly sasl?: SaslConfig;
}

/** Credentials that change while a process runs: their files are replaced. */
export interface CredentialsSource {
  /**
   * Those that are good now; the same object as before when nothing has changed. Asked at each connection and each
   * login, so it is cheap. Never rejects: where the newest can't be read, the former ones stay, and `problem` says why.
   */
  current(): Promise<Credentials>;
  /** Why the newest are not taken over; null when they are. */
  readonly problem: string | null;
}

/** One Kafka cluster as a client needs to know it. */
export interface ClusterConfig {
  /** The name in lockstep.yaml: what messages call this cluster. */
  readonly name: string;
  /** At least one; tried in turn until one answers. */
  readonly bootstrap: readonly BrokerAddress[];
  readonly tls?: TlsConfig;
  readonly sasl?: SaslConfig;
  /** Newer `tls` and `sasl`, where they can change; those above are the ones at the start. */
  readonly credentials?: CredentialsSource;
  /** The client id brokers see in their logs and quotas. Default `lockstep`. */
  readonly clientId?: string;
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatAddress(address: BrokerAddress): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** The security protocol in Kafka's words. */
export function securityProtocol(
  config: Pick<ClusterConfig, 'tls' | 'sasl'>,
): 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL' {
  if (config.sasl !== undefined) return config.tls === undefined ? 'SASL_PLAINTEXT' : 'SASL_SSL';
  return config.tls === undefined ? 'PLAINTEXT' : 'SSL';
}
