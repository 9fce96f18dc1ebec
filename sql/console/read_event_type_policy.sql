-- Whether events are accepted whose type is not in the catalogue.
select p.unknown_types, p.changed_at from postrider.event_type_policy p;
