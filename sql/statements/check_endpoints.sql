-- Which of these endpoints still take requests and have the key that signs them, and the revision that each has; none
-- while sending is switched off.
-- $1 endpoints
select e.id, e.revision
from postrider.endpoint e
where e.id = any ($1::uuid[]) and e.state = 'active'
  and (e.signing = 'hmac' or postrider_internal.has_signing_key(e.id))
  and (select s.is_on from postrider.sending s where s.is_row);
