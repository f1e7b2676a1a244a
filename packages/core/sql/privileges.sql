revoke all on schema postkit from public;
revoke all on all functions in schema postkit from public;
