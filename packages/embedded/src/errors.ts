/** Base of every error this package throws on purpose. The message says what to do. */
export class EmbeddedError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** No PostgreSQL binaries of the wanted version could be found or installed. */
export class BinariesNotFoundError extends EmbeddedError {}

/** The data directory, or the binaries in `POSTKIT_PG_BIN`, belong to another major version than the one asked for. */
export class VersionMismatchError extends EmbeddedError {}

/** The data directory cannot be used: it holds other files, or the server may not read it. */
export class DataDirectoryError extends EmbeddedError {}

/** Another program listens on the port that was asked for. */
export class PortInUseError extends EmbeddedError {}

/** The password given is not the one the existing data directory was created with. */
export class PasswordMismatchError extends EmbeddedError {}

/** `initdb` or the server ended, or was not ready in time. The message holds the end of the server's log. */
export class ServerStartError extends EmbeddedError {}

/** The server was told to stop and is still alive. */
export class ServerStopError extends EmbeddedError {}
