-- Lets an endpoint fetch large payloads from the listener.
-- locks: postrider.endpoint and daemon, for a moment
-- breaking: yes
--
-- Breaking, because a daemon that does not know of it would discard payloads that are too large to be sent.

create domain postrider.endpoint_inline_limit as integer
  constraint "inline_limit is between 0 and 67108864" check (value between 0 and 67108864);
comment on domain postrider.endpoint_inline_limit is 'How many bytes a payload may have that is in the request.';

alter table postrider.endpoint add column inline_limit postrider.endpoint_inline_limit;
comment on column postrider.endpoint.inline_limit is
  'Payloads of more bytes are not in the request, which has a signed URL in their place, from which the receiver fetches them: 0 to 67108864, such as 262144; 0 for all of them. Null to send them, and to discard those of more than 64 MiB. It needs POSTRIDER_PUBLIC_URL on the daemons, and goes neither with a transformation of the payload nor with encryption.';

alter table postrider.daemon add column public_url text;
comment on column postrider.daemon.public_url is
  'Where receivers reach its listener (POSTRIDER_PUBLIC_URL); null if they do not. Thin events need one.';
