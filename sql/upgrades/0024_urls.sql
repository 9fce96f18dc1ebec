-- Refuses URLs that no daemon would send to, whatever its settings.
-- locks: postrider.endpoint, while its URLs are read
-- breaking: no
--
-- A daemon's settings say which addresses it may send to, and they may differ between daemons and change, so no check here
-- judges an address that some setting allows. Each check lets pass what another one with a better name refuses.

alter domain postrider.endpoint_url
  add constraint "url has a host of at most 253 characters, in labels of 1 to 63" check (
    substring(value from '(?i)^https?://([^][/?#:@\\]+)') !~ '^[.]|[.][.]|[^.]{64}|^.{253}[^.]|^.{255}');

-- The parser of URLs decodes %31, and reads 0x7f.1, 127.1 and 2130706433 as 127.0.0.1: spellings of those who hide something.
alter domain postrider.endpoint_url
  add constraint "url has a host in plain characters, without %" check (
    substring(value from '(?i)^https?://([^][/?#:@\\]+)') !~ '%');

alter domain postrider.endpoint_url
  add constraint "url has an IPv4 address as four numbers from 0 to 255" check (
    substring(value from '(?i)^https?://([^][/?#:@\\]+)') !~* '(^|[.])([0-9]+|0x[0-9a-f]*)[.]?$' or
    substring(value from '(?i)^https?://([^][/?#:@\\]+)') ~ '^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])([.](?!$)|$)){4}$');

alter domain postrider.endpoint_url
  add constraint "url has no unspecified, multicast or broadcast address" check (
    value !~* '^https?://((0|22[4-9]|23[0-9])[.][0-9.]+|255[.]255[.]255[.]255|\[[0:]+\]|\[ff[0-9a-f]{2}:[0-9a-f:.]*\])([/?#:]|$)');

comment on domain postrider.endpoint_url is
  'An absolute http or https URL without user, password and fragment. Whether its address is allowed is for the daemons to say.';
