-- What holds for one request of the API, until its transaction ends.
-- $1 role, $2 whether it only reads, $3 for whom
select concat_ws(', ',
  set_config('role', $1::text, true),
  set_config('transaction_read_only', case when $2::boolean then 'on' else 'off' end, true),
  set_config('postrider.on_behalf_of', $3::text, true),
  set_config('timezone', 'UTC', true),
  set_config('intervalstyle', 'postgres', true)) as settings;
