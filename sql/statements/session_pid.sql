-- Which process of the server serves this session. Behind a transaction pooler, valid only until the transaction ends.
select pg_backend_pid() as pid;
