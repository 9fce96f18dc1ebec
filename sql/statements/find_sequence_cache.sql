-- How many numbers of the outbox's sequence a session takes in advance. With more than one, a later event of a key may
-- get the lower number.
select s.seqcache::double precision as numbers
from pg_catalog.pg_sequence s
where s.seqrelid = to_regclass('postrider.outbox_seq_seq');
