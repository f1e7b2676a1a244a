-- queue: jobs, schedules, dead letters. Load order and table of contents.
\ir schema.sql

-- context: who acts, for which tenant
\ir context/set_tenant.sql
\ir context/clear_tenant.sql
\ir context/set_actor.sql
\ir context/clear_actor.sql
\ir context/_rls_bypassed.sql
\ir context/assert_rls_active.sql

-- config: settings by queue, by namespace, for all
\ir config/tables.sql
\ir config/install.sql

-- jobs, until they have ended
\ir jobs/tables.sql

-- archive: jobs that have ended
\ir archive/tables.sql

-- dead letters: jobs that nobody tries again by himself
\ir dead_letters/tables.sql

-- schedules: jobs that are pushed again and again
\ir schedules/tables.sql

-- floors: where the jobs of a queue begin, behind those that were taken
\ir floors/tables.sql
\ir maintenance/tables.sql

-- workers: who waits for jobs
\ir workers/tables.sql

\ir context/_is_maintenance.sql
\ir context/_is_tenant.sql
\ir context/_assert_tenant_set.sql
\ir context/_assert_tenant.sql
\ir context/_warn_namespace_mismatch.sql

-- validation: rules for names and numbers
\ir validation/_name_violation.sql
\ir validation/_refuse_name.sql
\ir validation/_validate_namespace.sql
\ir validation/_validate_queue_name.sql
\ir validation/_validate_schedule_name.sql
\ir validation/_validate_key_size.sql
\ir validation/_validate_names.sql
\ir validation/_validate_priority.sql
\ir validation/_validate_max_attempts.sql
\ir validation/_validate_payload.sql
\ir validation/_validate_positive_int.sql
\ir validation/_validate_limit.sql
\ir validation/_validate_batch_size.sql
\ir validation/_validate_job_id.sql
\ir validation/_validate_fence.sql
\ir validation/_validate_interval_size.sql
\ir validation/_validate_run_at.sql
\ir validation/_validate_visibility_timeout.sql
\ir validation/_validate_job.sql
\ir validation/_validate_queues.sql
\ir validation/_validate_pull.sql
\ir validation/_validate_settlement.sql
\ir validation/_validate_outcomes.sql
\ir validation/_validate_tick.sql
\ir validation/_validate_worker_id.sql
\ir context/_assert_readable.sql

\ir config/_get_config.sql
\ir config/_default_max_attempts.sql
\ir config/_is_archived.sql
\ir config/_archives_completed.sql
\ir config/_backoff.sql
\ir config/_calculate_backoff.sql
\ir config/_retry_delay.sql
\ir config/_assert_config_writable.sql
\ir config/get_config.sql
\ir config/set_config.sql
\ir config/pause_queue.sql

\ir workers/channel_name.sql
\ir workers/_notify.sql
\ir workers/_wake.sql
\ir workers/_report_worker.sql
\ir workers/report_worker.sql
\ir workers/report_global_worker.sql
\ir workers/forget_worker.sql
\ir workers/_writes_in_flight.sql
\ir workers/pushes_in_flight.sql
\ir workers/_next_due.sql
\ir workers/next_due.sql
\ir workers/_next_due_global.sql
\ir config/resume_queue.sql

\ir jobs/view.sql
\ir jobs/_ready_job.sql
\ir jobs/_deferred_job.sql
\ir jobs/_leased_job.sql
\ir jobs/_archived_job.sql
\ir jobs/_enqueue.sql
\ir jobs/_requeue.sql
\ir jobs/_free_keys.sql
\ir jobs/_find_ready.sql
\ir jobs/_find_deferred.sql
\ir jobs/_is_live.sql
\ir jobs/push.sql
\ir jobs/push_batch.sql
\ir jobs/types.sql
\ir jobs/_read_jobs.sql
\ir jobs/_validate_jobs.sql
\ir jobs/_take_keys.sql
\ir jobs/_enqueue_many.sql
\ir jobs/push_many.sql
\ir jobs/cancel.sql
\ir jobs/purge_queue.sql
\ir jobs/get_job.sql
\ir jobs/_list_ready.sql
\ir jobs/_list_deferred.sql
\ir jobs/_list_leased.sql
\ir jobs/_list_archived.sql
\ir jobs/list_jobs.sql

\ir archive/_archive_lease.sql
\ir archive/_archive_partitions.sql
\ir archive/_attach_archive_partition.sql
\ir archive/create_archive_partition.sql
\ir archive/ensure_archive_partitions.sql
\ir archive/drop_archive_partitions.sql
\ir archive/install.sql

\ir dead_letters/_move_to_dead_letter.sql
\ir dead_letters/_retry.sql
\ir dead_letters/retry_dead_letter.sql
\ir dead_letters/retry_dead_letters.sql
\ir dead_letters/list_dead_letters.sql
\ir dead_letters/purge_dead_letters.sql

-- leases: jobs that a worker has
\ir leases/_worker.sql
\ir leases/_raise_stale.sql
\ir floors/_returned_offset.sql
\ir floors/_first_position.sql
\ir floors/_first_deadline.sql
\ir floors/_note_lanes.sql
\ir floors/_advance_floor.sql
\ir floors/_advance_lanes.sql
\ir floors/_advance_floors.sql
\ir leases/_pick_with_due.sql
\ir leases/_pick.sql
\ir leases/_lease.sql
\ir leases/_pull.sql
\ir leases/_pull_json.sql
\ir leases/pull.sql
\ir leases/pull_batch.sql
\ir leases/pull_any.sql
\ir leases/_end_lease.sql
\ir leases/_lock_leases.sql
\ir leases/_find_leases.sql
\ir leases/_end_leases.sql
\ir leases/_complete.sql
\ir leases/_fail_attempt.sql
\ir leases/ack.sql
\ir leases/ack_batch.sql
\ir leases/nack.sql
\ir leases/fail.sql
\ir leases/release.sql
\ir leases/extend_visibility.sql
\ir leases/heartbeat_batch.sql
\ir leases/settle_batch.sql
\ir leases/_exchanged.sql
\ir leases/settle_and_pull.sql
\ir leases/_namespaces_between.sql
\ir leases/_pull_global.sql
\ir leases/pull_global.sql
\ir leases/exchange_global.sql
\ir leases/_delete_leases.sql
\ir leases/_take_expired.sql
\ir leases/_time_out.sql
\ir leases/tick_timeouts.sql
\ir jobs/request_cancel.sql

-- cron: when a schedule runs
\ir cron/types.sql
\ir cron/_cron_bits.sql
\ir cron/_cron_parse_field.sql
\ir cron/_cron_parse.sql
\ir cron/_validate_cron_expression.sql
\ir cron/_validate_timezone.sql
\ir cron/_cron_next_date.sql
\ir cron/_cron_next_clock.sql
\ir cron/_cron_first_instant.sql
\ir cron/_cron_clock_change.sql
\ir cron/_cron_next_run.sql
\ir schedules/_validate_schedule_interval.sql
\ir schedules/_validate_schedule.sql
\ir schedules/_next_run.sql
\ir schedules/_schedule.sql
\ir schedules/_insert_schedule.sql
\ir schedules/_change_schedule.sql
\ir schedules/create_schedule.sql
\ir schedules/upsert_schedule.sql
\ir schedules/update_schedule.sql
\ir schedules/get_schedule.sql
\ir schedules/list_schedules.sql
\ir schedules/delete_schedule.sql
\ir schedules/pause_schedule.sql
\ir schedules/resume_schedule.sql
\ir schedules/_planned_runs.sql
\ir schedules/_run_schedule.sql
\ir schedules/_due_schedules.sql
\ir schedules/tick_schedules.sql

\ir stats/_count_jobs.sql
\ir stats/get_stats.sql
\ir stats/get_queue_stats.sql

-- maintenance: what has to be done every few seconds
\ir maintenance/_share.sql
\ir maintenance/_delete_expired_archive.sql
\ir maintenance/_delete_expired_dead_letters.sql
\ir maintenance/_delete_expired_history.sql
\ir maintenance/_look_after_partitions.sql
\ir maintenance/_forget_dead_workers.sql
\ir maintenance/maintain.sql

-- testing: for tests of applications
\ir testing/_advance.sql

-- privileges: nothing for PUBLIC, the rest through postkit.grant_role
\ir privileges/_grant.sql
\ir privileges/revoke.sql
