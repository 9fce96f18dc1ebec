-- Endpoints may have events in the formats of CloudEvents and in XML.
-- locks: postrider.endpoint, for a moment
-- breaking: no

alter domain postrider.endpoint_format drop constraint "format is standard or raw";
alter domain postrider.endpoint_format add constraint "format is one that this schema knows" check (
  value in ('standard', 'raw', 'cloudevents', 'cloudevents-binary', 'xml', 'cloudevents-xml'));
comment on domain postrider.endpoint_format is 'The format of a request. Its check lists the formats: \dD postrider.endpoint_format.';
comment on column postrider.endpoint.format is 'standard: {"type", "timestamp", "data"} around the payload. raw: the payload alone. cloudevents: CloudEvents 1.0 in JSON, all of it in the body. cloudevents-binary: the payload, and the event''s attributes in headers ce-..., which no signature covers. xml: the standard envelope in XML, the payload as fn:json-to-xml writes it. cloudevents-xml: CloudEvents in XML.';
comment on column postrider.endpoint.headers is 'Extra request headers: an object of names and texts, such as {"authorization": "Bearer ..."}. They can replace content-type and user-agent. Refused are those that the sender sets: host, webhook-..., postrider-..., ce-..., traceparent, proxy-..., and what frames or encodes a request; and two spellings of one.';
comment on column postrider.outbox.attributes is 'Extra attributes of the event, a JSON object: traceparent, which becomes a header, and what the formats of CloudEvents send, such as subject and extensions. explain_event() names those that CloudEvents does not allow.';
