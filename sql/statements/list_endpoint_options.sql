-- The options that an endpoint can have.
select o.name from postrider_internal.endpoint_options() o;
