/** Major versions of PostgreSQL this package can run. */
export type PostgresVersion = 14 | 15 | 16 | 17 | 18;

export const defaultVersion: PostgresVersion = 18;

/** The exact npm release of the binaries for each major; 18 is the one in this package's optionalDependencies. */
export const binaryReleases: Readonly<Record<PostgresVersion, string>> = {
  14: "14.23.0-beta.17",
  15: "15.18.0-beta.17",
  16: "16.14.0-beta.17",
  17: "17.10.0-beta.17",
  18: "18.4.0-beta.17",
};

export function isPostgresVersion(major: number): major is PostgresVersion {
  return major in binaryReleases;
}
