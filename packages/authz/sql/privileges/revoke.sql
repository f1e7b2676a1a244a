revoke all on schema authz from public;
revoke all on all tables in schema authz from public;
revoke all on all functions in schema authz from public;
