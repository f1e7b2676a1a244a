-- authz: relationship-based permissions. Load order and table of contents.
\ir schema.sql

-- who acts, for which tenant
\ir context/set_tenant.sql
\ir context/clear_tenant.sql
\ir context/set_actor.sql
\ir context/clear_actor.sql
\ir context/set_viewer.sql
\ir context/clear_viewer.sql
\ir context/_rls_bypassed.sql
\ir context/assert_rls_active.sql
\ir context/_is_maintenance.sql
\ir context/_is_tenant.sql
\ir context/_assert_tenant_set.sql
\ir context/_assert_tenant.sql
\ir context/_warn_tenant.sql

-- rules for names and ids
\ir validation/_validate_text.sql
\ir validation/_validate_identifier.sql
\ir validation/_validate_id.sql
\ir validation/_validate_namespace.sql
\ir validation/_validate_batch_size.sql
\ir validation/_validate_checks.sql
\ir validation/_validate_elements.sql
\ir validation/_validate_limit.sql
\ir validation/_validate_key_size.sql
\ir validation/_validate_expiration.sql
\ir validation/_max_depth.sql
\ir context/_assert_readable.sql

-- audit: what changed, by whom
\ir audit/tables.sql
\ir audit/_record_audit_event.sql
\ir audit/_audit_tuple.sql
\ir audit/_audit_hierarchy.sql
\ir audit/_encode_audit_cursor.sql
\ir audit/_decode_audit_cursor.sql
\ir audit/get_audit_events.sql
\ir audit/_audit_partitions.sql
\ir audit/_attach_audit_partition.sql
\ir audit/create_audit_partition.sql
\ir audit/ensure_audit_partitions.sql
\ir audit/drop_audit_partitions.sql
\ir audit/_audit_default_has_rows.sql
\ir audit/install.sql

-- graph: how groups and containers nest, without cycles
\ir graph/tables.sql
\ir graph/_lock_graph.sql
\ir graph/_container_types.sql
\ir graph/_register_type_edge.sql
\ir graph/_register_types.sql
\ir graph/_lock_if_structural.sql
\ir graph/_lock_edges.sql
\ir graph/_lock_new_types.sql

-- tuples: who has which relation to what
\ir tuples/tables.sql
\ir graph/_reaches_group.sql
\ir graph/_reaches_resource.sql
\ir graph/_assert_not_self.sql
\ir graph/_assert_no_cycle.sql
\ir graph/_lock_new_edge.sql
\ir graph/_group_types_in_use.sql
\ir graph/rebuild_graph.sql
\ir tuples/write_tuple.sql
\ir tuples/write.sql
\ir tuples/delete_tuple.sql
\ir tuples/delete.sql
\ir tuples/_delete_tuples.sql
\ir tuples/_assert_bulk_relation.sql
\ir tuples/_write_tuples.sql
\ir tuples/write_tuples_bulk.sql
\ir tuples/grant_to_resources_bulk.sql
\ir tuples/grant_to_subjects_bulk.sql
\ir tuples/transfer_tuple.sql
\ir tuples/revoke_subject_grants.sql
\ir tuples/revoke_resource_grants.sql
\ir tuples/_desired_tuples.sql
\ir tuples/sync_grants.sql

-- expirations: when grants end
\ir expirations/_end_after.sql
\ir expirations/set_expiration.sql
\ir expirations/clear_expiration.sql
\ir expirations/extend_expiration.sql
\ir expirations/list_expiring.sql
\ir expirations/cleanup_expired.sql

-- hierarchy: which permission implies which
\ir hierarchy/tables.sql
\ir hierarchy/_assert_not_global.sql
\ir hierarchy/_follow_rules.sql
\ir hierarchy/_implied_by.sql
\ir hierarchy/_implied_from.sql
\ir hierarchy/_implies.sql
\ir hierarchy/add_hierarchy.sql
\ir hierarchy/set_hierarchy.sql
\ir hierarchy/remove_hierarchy.sql
\ir hierarchy/clear_hierarchy.sql

-- checks: may this subject do that
\ir checks/types.sql
\ir checks/_holds_any.sql
\ir checks/_scope.sql
\ir checks/_containers.sql
\ir checks/_open_among.sql
\ir checks/_open_resources.sql
\ir checks/_admitted.sql
\ir checks/_permissions.sql
\ir checks/check.sql
\ir checks/check_any.sql
\ir checks/check_all.sql
\ir checks/check_bulk.sql
\ir checks/filter_authorized.sql
\ir checks/list_permissions.sql

-- resources: what may this subject see
\ir resources/_containers_within.sql
\ir resources/_spelled.sql
\ir resources/list_resources.sql
\ir resources/visible_ids.sql
\ir resources/visibility.sql
\ir resources/is_visible.sql

-- maintenance: what there is, and whether it is sound
\ir maintenance/_describe_cycle.sql
\ir maintenance/_find_cycle.sql
\ir maintenance/verify_integrity.sql
\ir maintenance/get_stats.sql
-- grants: what a subject was granted itself
\ir grants/list_subject_grants.sql
\ir grants/list_resource_grants.sql

-- sharing: what other tenants granted to a viewer
\ir sharing/_assert_viewer.sql
\ir sharing/list_external_resources.sql
\ir sharing/leave_external_resource.sql

-- explanations: why, why not, and until when
\ir explanations/types.sql
\ir explanations/_max_described.sql
\ir explanations/_best_trails.sql
\ir explanations/_trace_memberships.sql
\ir explanations/_trace_containers.sql
\ir explanations/_rule_chains.sql
\ir explanations/_granting_paths.sql
\ir explanations/_tuples_of.sql
\ir explanations/_explain_paths.sql
\ir explanations/explain.sql
\ir explanations/explain_text.sql
\ir explanations/_describe_edges.sql
\ir explanations/_describe_path.sql
\ir explanations/_describe_obstacles.sql
\ir explanations/_describe_denial.sql
\ir explanations/explain_json.sql

-- subjects: who may do that
\ir subjects/types.sql
\ir subjects/_groups_on.sql
\ir subjects/_subject_sources.sql
\ir subjects/_subjects_from.sql
\ir subjects/list_subjects.sql
\ir subjects/count_subjects.sql

-- privileges: nothing for PUBLIC, the rest through postkit.grant_role
\ir privileges/_grant.sql
\ir privileges/revoke.sql
