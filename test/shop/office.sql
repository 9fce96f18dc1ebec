-- The side that receives, in a database of its own. Beside these tables it has the inbox of the receiver kit.

create table users (
  id bigint primary key,
  email text,
  name text,
  registered_at timestamptz,
  orders_paid integer not null default 0,
  spent numeric(12, 2) not null default 0
);

create table orders (
  id bigint primary key,
  user_id bigint not null,
  total numeric(12, 2) not null,
  paid_at timestamptz
);
