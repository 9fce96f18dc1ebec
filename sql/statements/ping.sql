-- Keeps the session alive, and fails if it has ended.
select 1 as answer;
