/** Version of the SQL in packages/core/sql; raised with every change of it. */
export const coreSchemaVersion = 1;
