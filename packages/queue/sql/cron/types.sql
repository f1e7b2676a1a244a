-- A cron expression, worked out: one bit for each value that a field selects.
create type queue.cron_fields as (
  minutes bit(60),
  hours bit(24),
  days bit(31),
  months bit(12),
  weekdays bit(42),
  is_either boolean,
  is_fixed boolean
);

comment on type queue.cron_fields is 'A cron expression as bits: weekdays six weeks in a row from a Sunday; is_either when days and weekdays are alternatives; is_fixed when minute and hour are named without * and step';
