-- Accepts events whose type is not in the catalogue, or refuses them.
-- $1 allowed or refused
update postrider.event_type_policy set unknown_types = $1::text;
