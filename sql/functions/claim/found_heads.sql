create type postrider_internal.found_heads as (
  is_ordered boolean,
  has_others boolean,
  keys text[],
  run_length integer,
  has_expired boolean,
  after_key text,
  moves boolean,
  next_due timestamptz
);
comment on type postrider_internal.found_heads is
  'What find_heads saw of an endpoint, all of it null if that is not ordered any more. has_others: whether deliveries without a key are due; keys: those whose first delivery may be sent, in their order, and run_length: how many deliveries of each; has_expired: the lease of one of them has ended without a result; after_key: where the walk continues, null at the beginning, and moves: whether that is another place; next_due: when one of the others can be sent.';
revoke usage on type postrider_internal.found_heads from public;
