-- Says that the session is still wanted, and hears whether it still is.
select 1 as answer;
