-- Which of these endpoints still take requests, have the consent of their receiver if they need it, the key that signs
-- them, and no open circuit but for a probe in progress; and the revision that each has. None while sending is switched off.
-- $1 endpoints
select e.id, e.revision
from postrider.endpoint e
where e.id = any ($1::uuid[]) and e.state = 'active'
  and (e.handshake_state is null or e.handshake_state = 'granted')
  and (e.signing = 'hmac' or postrider_internal.has_signing_key(e.id))
  and (e.circuit_opened_at is null
       or exists (select from postrider.endpoint_failure f where f.endpoint_id = e.id and f.probe_until > now()))
  and (select s.is_on from postrider.sending s where s.is_row);
