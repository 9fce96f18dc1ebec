-- What holds for one request of the portal, until its transaction ends.
-- $1 SHA-256 of its token, in hex, $2 whether it only reads
select concat_ws(', ',
  set_config('role', 'postrider_portal', true),
  set_config('transaction_read_only', case when $2::boolean then 'on' else 'off' end, true),
  set_config('postrider.portal_token', $1::text, true),
  set_config('timezone', 'UTC', true),
  set_config('intervalstyle', 'postgres', true)) as settings;
