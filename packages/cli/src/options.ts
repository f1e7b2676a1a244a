/** What the commands share. Commander makes these from the arguments, as `program.ts` declares them. */
export interface OutputOptions {
  json?: boolean;
  verbose?: boolean;
}

export interface DatabaseOptions extends OutputOptions {
  /** From `--database-url`, else from `DATABASE_URL`. */
  databaseUrl?: string;
}

export interface ModuleOptions {
  /** Names of modules; all that the project has without. */
  module?: string[];
}

export interface StepOptions extends ModuleOptions {
  to?: string;
  count?: number;
}
