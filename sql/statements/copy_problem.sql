-- What shows that this database is a copy in which no daemon may work; null where one may.
-- Locks: nothing. Reads the control file of the cluster.
select postrider.copy_problem() as problem;
