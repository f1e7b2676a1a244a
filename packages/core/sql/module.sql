-- Core's own schema: safe to run again, so that core can bring an older one up to date.
\ir schema.sql
\ir migrations/tables.sql
\ir migrations/ensure_bookkeeping.sql
\ir context/enter.sql
\ir grants/tables.sql
\ir grants/_installed_modules.sql
\ir grants/_withdraw.sql
\ir grants/_apply_grant.sql
\ir grants/_read_privileges.sql
\ir grants/_reset_privileges.sql
\ir grants/_restore_privileges.sql
\ir grants/_save_privileges.sql
\ir grants/grant_role.sql
\ir grants/revoke_role.sql
\ir grants/reapply_grants.sql
\ir privileges.sql
