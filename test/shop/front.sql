-- The side that sends: a sign-up and a checkout, whose tables know nothing of events. The captures make them.

create table account (
  id bigint generated always as identity primary key,
  email text not null unique,
  name text not null
);

create table payment (
  id bigint generated always as identity primary key,
  order_id bigint not null,
  account_id bigint not null references account,
  amount numeric(12, 2) not null,
  status text not null default 'open' check (status in ('open', 'paid', 'failed'))
);

select postrider.define_event_type('user.registered', 'Someone has signed up.',
  '{"type": "object", "required": ["user_id", "email", "name"],
    "properties": {"user_id": {"type": "integer"}, "email": {"type": "string"}, "name": {"type": "string"}},
    "additionalProperties": false}',
  enforce => true);

select postrider.define_event_type('order.paid', 'An order has been paid in full.',
  '{"type": "object", "required": ["order_id", "user_id", "amount"],
    "properties": {"order_id": {"type": "integer"}, "user_id": {"type": "integer"},
      "amount": {"type": "number", "description": "In euros, with two decimals."}},
    "additionalProperties": false}',
  enforce => true);

select postrider.capture('account', 'user.registered', operations => '{insert}',
  payload => $$ json_build_object('user_id', new.id, 'email', new.email, 'name', new.name) $$,
  ordering_key => 'new.id');

select postrider.capture('payment', 'order.paid', operations => '{insert,update}',
  condition => $$ new.status = 'paid' and old.status is distinct from 'paid' $$,
  payload => $$ json_build_object('order_id', new.order_id, 'user_id', new.account_id, 'amount', new.amount) $$,
  ordering_key => 'new.account_id');
